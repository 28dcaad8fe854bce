#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/programs.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels {
namespace {

/// Numbers, infinities, zeros and NaN of both signs, each with each in three vectors.
template <typename T>
std::array<std::vector<T>, 3> all_with_all() {
  std::vector<T> values{0, 1, -1, 3, -7};
  if constexpr (std::is_floating_point_v<T>) {
    const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    values.insert(values.end(), {T{-0.0}, T{1} / 3, std::nextafter(T{1}, T{2}), inf, -inf, nan, -nan});
  } else {
    values.insert(values.end(), {std::numeric_limits<T>::max(), std::numeric_limits<T>::min(), 65537});
  }
  std::array<std::vector<T>, 3> all;
  for (const T a : values) {
    for (const T b : values) {
      for (const T c : values) {
        all[0].push_back(a);
        all[1].push_back(b);
        all[2].push_back(c);
      }
    }
  }
  return all;
}

/// Which of two NaNs a sum or product gives is the compiler's choice where it does not optimise.
template <typename T>
bool same_result(T a, T b) {
#ifndef NDEBUG
  if (a != a && b != b) return true;
#endif
  return same_bits(a, b);
}

template <typename T>
void expect_pairs_to_give_the_same_bits() {
  const auto [a, b, c] = all_with_all<T>();
  int pairs = 0;
  for (const Primitive first : {Primitive::add, Primitive::sub, Primitive::mul, Primitive::div}) {
    for (const Primitive second : {Primitive::add, Primitive::sub, Primitive::mul, Primitive::div}) {
      for (const bool is_right : {false, true}) {
        SCOPED_TRACE(std::string(name_of(first)) + " " + name_of(second) + (is_right ? " on the right" : ""));
        if (pair_of(first, second, is_right)) ++pairs;
        const Instruction last{second, static_cast<std::uint16_t>(is_right ? 2 : 3),
                               static_cast<std::uint16_t>(is_right ? 3 : 2)};
        const Program program{.inputs = 3, .instructions = {{first, 0, 1}, last}, .outputs = {4}};
        const std::vector<T> between = run<T>(single(first), dtype_of<T>, a, b);
        const std::vector<T> expected = is_right ? run<T>(single(second), dtype_of<T>, c, between)
                                                 : run<T>(single(second), dtype_of<T>, between, c);
        const std::vector<T> result = run<T>(program, dtype_of<T>, a, b, c);
        for (std::size_t i = 0; i < a.size(); ++i)
          ASSERT_TRUE(same_result(result[i], expected[i])) << a[i] << ' ' << b[i] << ' ' << c[i];
      }
    }
  }
  EXPECT_EQ(pairs, 8);
}

TEST(PrimitivePair, GivesTheBitsOfOneAfterTheOther) {
  for_each_instruction_set([] {
    expect_pairs_to_give_the_same_bits<float>();
    expect_pairs_to_give_the_same_bits<double>();
  });
  expect_pairs_to_give_the_same_bits<std::int32_t>();
  expect_pairs_to_give_the_same_bits<std::int64_t>();
}

TEST(PrimitivePair, LeavesWhatIsReadElsewhere) {
  // (x + y) · x, and the sum itself: once as an output, once as an operand.
  const std::vector<float> x = random_numbers<float>(1000, 1), y = random_numbers<float>(1000, 2);
  const Program twice{.inputs = 2,
                      .instructions = {{Primitive::add, 0, 1}, {Primitive::mul, 2, 0}, {Primitive::sub, 3, 2}},
                      .outputs = {4}};
  const std::vector<float> result = run<float>(twice, DType::f32, x, y);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float sum = x[i] + y[i];
    ASSERT_EQ(result[i], sum * x[i] - sum) << i;
  }
}

}  // namespace
}  // namespace wengert::kernels
