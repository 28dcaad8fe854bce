#include "autograd/kernels/math_accuracy.h"

#include <ios>
#include <ostream>
#include <string>

#include "autograd/kernels/instruction_sets.h"
#include <gtest/gtest.h>

namespace wengert::kernels::accuracy {

void PrintTo(const Function& function, std::ostream* out);
void PrintTo(const Function& function, std::ostream* out) { *out << name_of(function.primitive); }

namespace {

// Of each kind; docs/accuracy.md tells of many more.
constexpr std::size_t arguments_of_each_kind = 500;

template <typename T>
void expect_accuracy(const Function& function, double limit) {
  const Worst<T> worst = measure<T>(function, arguments_of_each_kind, 1);
  EXPECT_LE(worst.ulps, limit) << name_of(dtype_of<T>) << " at " << std::hexfloat << worst.a << ", " << worst.b << ": "
                               << worst.result;
}

class MathAccuracy : public testing::TestWithParam<Function> {};

TEST_P(MathAccuracy, StaysWithinItsUlpsOnEveryInstructionSet) {
  for_each_instruction_set([] {
    expect_accuracy<float>(GetParam(), GetParam().ulps_f32);
    expect_accuracy<double>(GetParam(), GetParam().ulps_f64);
  });
}

INSTANTIATE_TEST_SUITE_P(Functions, MathAccuracy, testing::ValuesIn(functions),
                         [](const testing::TestParamInfo<Function>& given) {
                           return std::string(name_of(given.param.primitive));
                         });

}  // namespace
}  // namespace wengert::kernels::accuracy
