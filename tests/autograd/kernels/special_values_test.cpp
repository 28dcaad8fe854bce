#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/programs.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/pointwise.h>

namespace wengert::kernels {
namespace {

struct Special {
  Primitive primitive;
  double value, a, b = 0, c = 0;
};

template <typename T>
void expect_special_values() {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  using enum Primitive;
  const std::vector<Special> specials = {
      {exp, inf, inf},
      {exp, 0, -inf},
      {exp, inf, 1000},
      {expm1, inf, 1000},
      {log, -inf, 0.0},
      {log1p, -inf, -1},
      {log, inf, inf},
      {sinh, -inf, -1000},
      {cosh, inf, -1000},
      {asinh, -inf, -inf},
      {acosh, inf, inf},
      {atanh, inf, 1},
      {pow, inf, 2, 2000},
      {pow, -inf, -2, 2001},
      {hypot, inf, inf, nan},
      {tan, -0.0, -0.0},
      {floor, -0.0, -0.0},
      {floor, 0.0, 0.5},
      {floor, -inf, -inf},
      {ceil, 0.0, 0.0},
      {ceil, -0.0, -0.5},
      {ceil, inf, inf},
      {round, -0.0, -0.5},
      {round, 0.0, 0.5},
      {round, nan, nan},
      {logical_not, 0, nan},
      {logical_and, 1, nan, nan},
      {logical_and, 0, nan, 0.0},
      {logical_or, 1, 0.0, nan},
      {logical_or, 0, -0.0, 0.0},
      {select, 7, nan, 7, 8},
      {select, 8, -0.0, 7, 8},
      {minimum, nan, nan, 1},
      {maximum, nan, 1, nan},
      {minimum, -0.0, 0.0, -0.0},
      {is_nan, 1, nan},
  };
  for (const Special& special : specials) {
    const std::array<std::vector<T>, 3> x{std::vector{static_cast<T>(special.a)},
                                          std::vector{static_cast<T>(special.b)},
                                          std::vector{static_cast<T>(special.c)}};
    const Program program = single(special.primitive);
    const T given = arity(special.primitive) == 1   ? run<T>(program, dtype_of<T>, x[0])[0]
                    : arity(special.primitive) == 2 ? run<T>(program, dtype_of<T>, x[0], x[1])[0]
                                                    : run<T>(program, dtype_of<T>, x[0], x[1], x[2])[0];
    const auto wanted = static_cast<T>(special.value);
    EXPECT_TRUE(std::isnan(wanted) ? std::isnan(given) : same_bits(given, wanted))
        << name_of(special.primitive) << " of " << special.a << ", " << special.b << ": " << given;
  }
}

TEST(SpecialValues, AreTheSameOnEveryInstructionSet) {
  for_each_instruction_set([] {
    expect_special_values<float>();
    expect_special_values<double>();
  });
}

}  // namespace
}  // namespace wengert::kernels
