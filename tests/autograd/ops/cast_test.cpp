#include <cstdint>
#include <limits>
#include <vector>

#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Cast, FloatingToIntegerTruncatesAndSaturates) {
  const Tensor x({2.9, -2.9, 0.5, -0.0, 300.0, 1e10, -1e10, 1e30, -1e30, inf, -inf, nan});
  constexpr auto most = std::numeric_limits<std::int32_t>::max();
  constexpr auto least = std::numeric_limits<std::int32_t>::min();
  constexpr auto most64 = std::numeric_limits<std::int64_t>::max();
  constexpr auto least64 = std::numeric_limits<std::int64_t>::min();
  for (const DType from : {DType::f64, DType::f32}) {
    const Tensor numbers = cast(x, from);
    EXPECT_EQ(values<std::int32_t>(cast(numbers, DType::i32)),
              (std::vector<std::int32_t>{2, -2, 0, 0, 300, most, least, most, least, most, least, 0}));
    EXPECT_EQ(
        values<std::int64_t>(cast(numbers, DType::i64)),
        (std::vector<std::int64_t>{2, -2, 0, 0, 300, 10000000000, -10000000000, most64, least64, most64, least64, 0}));
    EXPECT_EQ(values<std::uint8_t>(cast(numbers, DType::u8)),
              (std::vector<std::uint8_t>{2, 0, 0, 0, 255, 255, 0, 255, 0, 255, 0, 0}));
    EXPECT_EQ(values<bool>(cast(numbers, DType::boolean)),
              (std::vector<bool>{true, true, true, false, true, true, true, true, true, true, true, true}));
  }
}

TEST(Cast, TheLimitsOfIntegersAreMetExactly) {
  const double below = 2147483647.5, above = -2147483648.9;
  EXPECT_EQ(values<std::int32_t>(cast(Tensor({below, above, 2147483648.0}), DType::i32)),
            (std::vector<std::int32_t>{2147483647, -2147483647 - 1, 2147483647}));
  EXPECT_EQ(values<std::int64_t>(cast(Tensor({0x1p63, -0x1p63, 0x1.fffffffffffffp62}), DType::i64)),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max(),
                                       std::numeric_limits<std::int64_t>::min(), std::int64_t{0x7ffffffffffffc00}}));
}

TEST(Cast, ToFloatingRoundsToNearest) {
  EXPECT_EQ(values<float>(cast(Tensor({0.1, 1e300, -1e300, 1e-60, 16777217.0}), DType::f32)),
            (std::vector<float>{0.1F, static_cast<float>(inf), static_cast<float>(-inf), 0.0F, 16777216.0F}));
  EXPECT_EQ(values<double>(cast(Tensor({0.1F}), DType::f64)), (std::vector<double>{double{0.1F}}));
  // 2⁵³ + 2²⁹ + 1 lies above the middle of two floats, but on it once it was rounded to a double.
  const Tensor large({(std::int64_t{1} << 53) + (std::int64_t{1} << 29) + 1, (std::int64_t{1} << 53) + 1});
  EXPECT_EQ(values<float>(cast(large, DType::f32)), (std::vector<float>{0x1p53F + 0x1p30F, 0x1p53F}));
  EXPECT_EQ(values<double>(cast(large, DType::f64))[1], 0x1p53);
  EXPECT_EQ(values<double>(cast(Tensor({true, false}), DType::f64)), (std::vector<double>{1, 0}));
}

TEST(Cast, IntegersAreTakenModuloTheirRange) {
  EXPECT_EQ(values<std::uint8_t>(cast(Tensor({300, -1, 256}), DType::u8)), (std::vector<std::uint8_t>{44, 255, 0}));
  EXPECT_EQ(values<std::int32_t>(cast(Tensor({(std::int64_t{1} << 32) + 5, std::int64_t{1} << 31}), DType::i32)),
            (std::vector<std::int32_t>{5, std::numeric_limits<std::int32_t>::min()}));
  EXPECT_EQ(values<std::int64_t>(cast(Tensor({-5}), DType::i64)), (std::vector<std::int64_t>{-5}));
  EXPECT_EQ(values<bool>(cast(Tensor({256, 0}), DType::boolean)), (std::vector<bool>{true, false}));
  EXPECT_EQ(values<bool>(cast(Tensor({std::int64_t{1} << 40}), DType::boolean)), (std::vector<bool>{true}));
}

TEST(Cast, KeepsShapesAndEmptyTensorsAmongAllDTypes) {
  const std::vector<DType> dtypes = {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::boolean};
  for (const DType from : dtypes) {
    for (const DType to : dtypes) {
      EXPECT_EQ(cast(zeros({2, 0, 3}, from), to).shape(), (Shape{2, 0, 3}));
      const Tensor x = cast(ones({2, 3}, from), to);
      EXPECT_EQ(x.dtype(), to);
      EXPECT_EQ(x.shape(), (Shape{2, 3}));
      EXPECT_EQ(values<double>(cast(x, DType::f64)), std::vector<double>(6, 1.0))
          << name_of(from) << " to " << name_of(to);
    }
  }
}

TEST(Cast, ToItsOwnDTypeIsTheTensorItself) {
  const Tensor x({1.0, 2.0});
  EXPECT_EQ(cast(x, DType::f64).data<double>().data(), x.data<double>().data());
}

TEST(Cast, TheGradientIsCastBack) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.5F, -2.0F}));
  const Tensor derivative = tape.gradient(sum(square(cast(x, DType::f64))), x);
  EXPECT_EQ(derivative.dtype(), DType::f32);
  EXPECT_EQ(values<float>(derivative), (std::vector<float>{3, -4}));
}

TEST(Cast, NoGradientPassesThroughIntegers) {
  for (const bool keep_all : {false, true}) {
    Tape tape({.keep_all = keep_all});
    const Tensor x = tape.watch(Tensor({1.5, -2.0}));
    const Tensor whole = cast(cast(x, DType::i32), DType::f64);
    EXPECT_EQ(values<double>(tape.gradient(sum(x * whole), x)), (std::vector<double>{1, -2}));
  }
}

}  // namespace
}  // namespace wengert
