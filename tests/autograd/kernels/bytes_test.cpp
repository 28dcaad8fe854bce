#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/bytes.h>

namespace wengert::kernels {
namespace {

template <typename T>
class DividedBytes : public testing::Test {};
using Floating = testing::Types<float, double>;
TYPED_TEST_SUITE(DividedBytes, Floating);

TYPED_TEST(DividedBytes, AreCorrectlyRoundedAndNothingElseIsWritten) {
  std::vector<std::uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  for_each_instruction_set([&] {
    for (const double divisor : {1.0, 3.0, 10.0, 255.0, -7.0, 16777216.0}) {
      for (const std::size_t count : {0U, 1U, 15U, 17U, 256U}) {
        std::vector<TypeParam> given(256, TypeParam{-1});
        divide_bytes(bytes.data(), count, divisor, given.data());
        for (std::size_t i = 0; i < given.size(); ++i) {
          // One division by the processor is correctly rounded.
          const TypeParam wanted =
              i < count ? static_cast<TypeParam>(bytes[i]) / static_cast<TypeParam>(divisor) : TypeParam{-1};
          EXPECT_EQ(given[i], wanted) << i << " / " << divisor;
        }
      }
    }
  });
}

TYPED_TEST(DividedBytes, AreCorrectlyRoundedForManyDivisors) {
  std::vector<std::uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  std::vector<double> divisors{0x1.fffffep23,   0x1p100,  0x1.fffffep100, 0x1.8p125,
                               -0x1.fffffep127, 0x1p-100, -0x1.8p-110,    0x1p-126};
  for (int divisor = 1; divisor <= 2000; ++divisor) divisors.push_back(divisor);
  for_each_instruction_set([&] {
    for (const double divisor : divisors) {
      std::vector<TypeParam> given(256);
      divide_bytes(bytes.data(), bytes.size(), divisor, given.data());
      for (std::size_t i = 0; i < given.size(); ++i)
        ASSERT_EQ(given[i], static_cast<TypeParam>(bytes[i]) / static_cast<TypeParam>(divisor))
            << i << " / " << divisor;
    }
  });
}

}  // namespace
}  // namespace wengert::kernels
