#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// What the documentation of the pointwise operations says about kinks, ±0, ±inf and NaN.

namespace wengert {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double half_pi = 1.5707963267948966;

/// Equal bits, or both NaN.
bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

template <typename T>
Tensor number(double value) {
  return Tensor(static_cast<T>(value));
}

struct Result {
  double value;
  std::vector<double> derivatives, second;
};

/// An operation at one point: its value, its derivative by every input, and that one's by the same.
template <typename T>
Result evaluate(const Operation& operation, const std::vector<double>& x) {
  Result result{};
  for (std::size_t i = 0; i < x.size(); ++i) {
    Tape outer;
    Tape inner;
    std::vector<Tensor> inputs;
    for (const double value : x) inputs.push_back(number<T>(value));
    inputs[i] = inner.watch(outer.watch(inputs[i]));
    const Tensor y = wengert::apply(operation, inputs);
    const Tensor derivative = inner.gradient(y, inputs[i]);
    result.value = y.item();
    result.derivatives.push_back(derivative.item());
    result.second.push_back(outer.gradient(derivative, inputs[i]).item());
  }
  return result;
}

struct Special {
  const char* operation;
  std::vector<double> x;
  double value;
  std::vector<double> derivatives;
};

const std::vector<Special> specials = {
    {"abs", {0.0}, 0, {0}},
    {"abs", {-0.0}, 0, {0}},
    {"abs", {-inf}, inf, {-1}},
    {"sign", {0.0}, 0, {0}},
    {"sign", {-0.0}, -0.0, {0}},
    {"sign", {-inf}, -1, {0}},
    {"sign", {nan}, nan, {0}},
    {"reciprocal", {0.0}, inf, {-inf}},
    {"reciprocal", {-0.0}, -inf, {-inf}},
    {"reciprocal", {-inf}, -0.0, {-0.0}},
    {"sqrt", {0.0}, 0, {inf}},
    {"sqrt", {-0.0}, -0.0, {-inf}},
    {"sqrt", {inf}, inf, {0}},
    {"sqrt", {-1}, nan, {nan}},
    {"rsqrt", {0.0}, inf, {-inf}},
    {"rsqrt", {-0.0}, -inf, {-inf}},
    {"rsqrt", {inf}, 0, {-0.0}},
    {"rsqrt", {-1}, nan, {nan}},
    {"div", {1, 0.0}, inf, {inf, -inf}},
    {"div", {0.0, 0.0}, nan, {inf, nan}},
    {"exp", {-inf}, 0, {0}},
    {"exp", {inf}, inf, {inf}},
    {"expm1", {-0.0}, -0.0, {1}},
    {"expm1", {-inf}, -1, {0}},
    {"log", {0.0}, -inf, {inf}},
    {"log", {-0.0}, -inf, {-inf}},
    {"log", {-1}, nan, {-1}},
    {"log", {inf}, inf, {0}},
    {"log1p", {-0.0}, -0.0, {1}},
    {"log1p", {-1}, -inf, {inf}},
    {"log1p", {-2}, nan, {-1}},
    {"sin", {-0.0}, -0.0, {1}},
    {"sin", {inf}, nan, {nan}},
    {"cos", {inf}, nan, {nan}},
    {"tan", {-inf}, nan, {nan}},
    {"asin", {1}, half_pi, {inf}},
    {"asin", {1.5}, nan, {nan}},
    {"acos", {1}, 0, {-inf}},
    {"acos", {-1.5}, nan, {nan}},
    {"atan", {-inf}, -half_pi, {0}},
    {"sinh", {-inf}, -inf, {inf}},
    {"cosh", {-inf}, inf, {-inf}},
    {"tanh", {-0.0}, -0.0, {1}},
    {"tanh", {inf}, 1, {0}},
    {"asinh", {-inf}, -inf, {0}},
    {"acosh", {1}, 0, {inf}},
    {"acosh", {0.5}, nan, {nan}},
    {"acosh", {inf}, inf, {0}},
    {"atanh", {-1}, -inf, {inf}},
    {"atanh", {1.5}, nan, {-0.8}},
    {"erf", {-inf}, -1, {0}},
    {"erf", {-0.0}, -0.0, {1.1283791670955126}},
    {"erfc", {inf}, 0, {-0.0}},
    {"erfc", {-inf}, 2, {-0.0}},
    {"floor", {-0.5}, -1, {0}},
    {"floor", {-inf}, -inf, {0}},
    {"ceil", {-0.5}, -0.0, {0}},
    {"round", {0.5}, 0, {0}},
    {"round", {1.5}, 2, {0}},
    {"round", {-2.5}, -2, {0}},
    {"round", {nan}, nan, {0}},
    {"pow", {nan, 0.0}, 1, {nan, nan}},
    {"pow", {1, nan}, 1, {nan, 0}},
    {"pow", {0.0, 2}, 0, {0, 0}},
    {"pow", {0.0, 1}, 0, {1, 0}},
    {"pow", {0.0, 0.0}, 1, {0, 0}},
    {"pow", {0.0, -1}, inf, {-inf, -inf}},
    {"pow", {-2, 3}, -8, {12, nan}},
    {"pow", {-2, 0.5}, nan, {nan, nan}},
    {"hypot", {0.0, 0.0}, 0, {0, 0}},
    {"hypot", {inf, nan}, inf, {nan, nan}},
    {"hypot", {3, -4}, 5, {0.6, -0.8}},
    {"atan2", {0.0, 0.0}, 0, {0, -0.0}},
    {"atan2", {0.0, -0.0}, 2 * half_pi, {-0.0, -0.0}},
    {"atan2", {-0.0, -1}, -2 * half_pi, {-1, 0}},
    {"minimum", {nan, 1}, nan, {0, 0}},
    {"minimum", {1, nan}, nan, {0, 0}},
    {"minimum", {0.0, -0.0}, -0.0, {0.5, 0.5}},
    {"minimum", {2, 2}, 2, {0.5, 0.5}},
    {"maximum", {nan, 1}, nan, {0, 0}},
    {"maximum", {1, nan}, nan, {0, 0}},
    {"maximum", {-0.0, 0.0}, 0, {0.5, 0.5}},
    {"maximum", {3, 2}, 3, {1, 0}},
    {"clamp", {-1, -1, 1}, -1, {1, 0, 0}},
    {"clamp", {1, -1, 1}, 1, {1, 0, 0}},
    {"clamp", {5, -1, 1}, 1, {0, 0, 1}},
    {"clamp", {-inf, -1, 1}, -1, {0, 1, 0}},
    {"clamp", {0.5, 2, 1}, 1, {0, 0, 1}},
    {"clamp", {nan, -1, 1}, nan, {1, 0, 0}},
    {"clamp", {0.5, nan, 1}, nan, {1, 0, 0}},
    {"relu", {0.0}, 0, {0}},
    {"relu", {-0.0}, 0, {0}},
    {"relu", {inf}, inf, {1}},
    {"relu", {-inf}, 0, {0}},
    {"leaky_relu", {-0.0}, -0.0, {0.01}},
    {"leaky_relu", {-inf}, -inf, {0.01}},
    {"elu", {-0.0}, -0.0, {1}},
    {"elu", {-inf}, -1, {0}},
    {"elu", {inf}, inf, {1}},
    {"celu", {-inf}, -1, {0}},
    {"celu", {0.0}, 0, {1}},
    {"selu", {-inf}, -1.7580993408473766, {0}},
    {"selu", {0.0}, 0, {1.7580993408473766}},
    {"sigmoid", {-inf}, 0, {0}},
    {"sigmoid", {inf}, 1, {0}},
    {"sigmoid", {-0.0}, 0.5, {0.25}},
    {"log_sigmoid", {-inf}, -inf, {1}},
    {"log_sigmoid", {inf}, 0, {0}},
    {"softplus", {-inf}, 0, {0}},
    {"softplus", {inf}, inf, {1}},
    {"silu", {-inf}, -0.0, {-0.0}},
    {"silu", {inf}, inf, {1}},
    {"silu", {-0.0}, -0.0, {0.5}},
    {"mish", {-inf}, -0.0, {0}},
    {"mish", {inf}, inf, {1}},
    {"mish", {-0.0}, -0.0, {0.6}},
    {"softsign", {-inf}, -1, {0}},
    {"softsign", {inf}, 1, {0}},
    {"softsign", {-0.0}, -0.0, {1}},
    {"hard_sigmoid", {-3}, 0, {0}},
    {"hard_sigmoid", {3}, 1, {0}},
    {"hard_sigmoid", {-inf}, 0, {0}},
    {"hard_sigmoid", {inf}, 1, {0}},
    {"hard_tanh", {-1}, -1, {0}},
    {"hard_tanh", {inf}, 1, {0}},
    {"hard_tanh", {-0.0}, -0.0, {1}},
    {"hard_swish", {-3}, -0.0, {0}},
    {"hard_swish", {3}, 3, {1}},
    {"hard_swish", {-inf}, -0.0, {0}},
    {"hard_swish", {inf}, inf, {1}},
    {"gelu", {-inf}, -0.0, {0}},
    {"gelu", {inf}, inf, {1}},
    {"gelu", {-0.0}, -0.0, {0.5}},
    {"gelu_tanh", {-inf}, -0.0, {-0.0}},
    {"gelu_tanh", {inf}, inf, {1}},
    {"gelu_sigmoid", {-inf}, -0.0, {-0.0}},
    {"gelu_sigmoid", {inf}, inf, {1}},
};

template <typename T>
void expect_specials() {
  for (const Special& special : specials) {
    const Result found = evaluate<T>(*find_operation(special.operation), special.x);
    EXPECT_TRUE(same(found.value, static_cast<T>(special.value)))
        << special.operation << testing::PrintToString(special.x) << " in " << name_of(dtype_of<T>) << " = "
        << found.value;
    for (std::size_t i = 0; i < special.x.size(); ++i) {
      EXPECT_TRUE(same(found.derivatives[i], static_cast<T>(special.derivatives[i])))
          << special.operation << testing::PrintToString(special.x) << " in " << name_of(dtype_of<T>) << " by input "
          << i << ": " << found.derivatives[i];
    }
  }
}

TEST(PointwiseSpecialValues, AreWhatTheDocumentationSays) {
  expect_specials<double>();
  expect_specials<float>();
}

TEST(PointwiseSpecialValues, NaNStaysNaNInEveryFunctionOfOneNumber) {
  for (const Operation* operation : catalogue()) {
    if (operation->pointwise == nullptr || operation->samples()[0].inputs.size() != 1) continue;
    const Tensor y = apply(*operation, {Tensor({nan, 1.0})});
    if (y.dtype() != DType::f64) continue;  // a truth value
    EXPECT_TRUE(std::isnan(y.data<double>()[0])) << operation->name;
    EXPECT_TRUE(std::isnan(apply(*operation, {Tensor({static_cast<float>(nan)})}).data<float>()[0])) << operation->name;
  }
}

/// Where both tails, zeros and kinks meet: no activation may give NaN or inf there where it is finite.
template <typename T>
void expect_finite_activations() {
  using Limits = std::numeric_limits<T>;
  std::vector<double> grid = {0.0, -0.0};
  for (const double x : {double{Limits::denorm_min()},
                         double{Limits::min()},
                         1e-20,
                         1e-3,
                         0.5,
                         1.0,
                         3.0,
                         9.0,
                         20.0,
                         40.0,
                         90.0,
                         104.0,
                         400.0,
                         710.0,
                         746.0,
                         799.0,
                         801.0,
                         1e5,
                         1e10,
                         1e19,
                         1e30,
                         double{Limits::max()} / 2,
                         inf}) {
    grid.insert(grid.end(), {x, -x});
  }
  for (const Operation* operation : catalogue()) {
    if (operation->pointwise == nullptr || operation->category != Category::activation) continue;
    for (const double x : grid) {
      const Result found = evaluate<T>(*operation, {x});
      EXPECT_TRUE(std::isfinite(found.value) || std::isinf(x)) << operation->name << "(" << x << ") = " << found.value;
      EXPECT_TRUE(std::isfinite(found.derivatives[0]))
          << operation->name << "'(" << x << ") = " << found.derivatives[0];
      EXPECT_TRUE(std::isfinite(found.second[0])) << operation->name << "''(" << x << ") = " << found.second[0];
    }
  }
}

TEST(PointwiseSpecialValues, ActivationsAndTheirDerivativesAreFiniteEverywhere) {
  expect_finite_activations<double>();
  expect_finite_activations<float>();
}

TEST(PointwiseSpecialValues, SecondDerivativesAreFiniteWhereConventionsMakeTheFirstSo) {
  for (const auto& [name, x] : std::vector<std::pair<const char*, std::vector<double>>>{{"hypot", {0, 0}},
                                                                                        {"atan2", {0, 0}},
                                                                                        {"pow", {0, 0}},
                                                                                        {"pow", {0, 1}},
                                                                                        {"pow", {0, 2}},
                                                                                        {"pow", {0, 3}},
                                                                                        {"abs", {0}},
                                                                                        {"clamp", {-1, -1, -1}}}) {
    const Result found = evaluate<double>(*find_operation(name), x);
    for (const double second : found.second)
      EXPECT_TRUE(std::isfinite(second)) << name << testing::PrintToString(x) << ": " << second;
  }
}

TEST(PointwiseSpecialValues, WhatWhereDoesNotTakeDoesNotMatter) {
  const auto derivative_of_choice = [](double a, double b) {
    Tape tape;
    const Tensor x = tape.watch(Tensor({a, b}));
    const Tensor y = where(Tensor({true, false}), x, 2.0 * x);
    const Tensor derivative = tape.gradient(y, x, ones({2}, DType::f64));
    return std::vector<double>{y.data<double>()[0], y.data<double>()[1], derivative.data<double>()[0],
                               derivative.data<double>()[1]};
  };
  EXPECT_EQ(derivative_of_choice(1, 3), (std::vector<double>{1, 6, 1, 2}));
  EXPECT_EQ(derivative_of_choice(inf, -inf), (std::vector<double>{inf, -inf, 1, 2}));
}

TEST(PointwiseSpecialValues, GeluKeepsItsDigitsInTheTail) {
  // −30 Φ(−30), and Φ(−30) − 30 φ(30).
  const Operation& gelu = *find_operation("gelu");
  const Result found = evaluate<double>(gelu, {-30});
  EXPECT_NEAR(found.value / -1.4720141781444561e-196, 1, 1e-15);
  EXPECT_NEAR(found.derivatives[0] / -4.4160316907084944e-195, 1, 1e-15);
  EXPECT_EQ(evaluate<float>(gelu, {-30}).value, 0);
  EXPECT_NEAR(evaluate<float>(gelu, {-12}).value / -2.1317785e-32, 1, 1e-6);
}

}  // namespace
}  // namespace wengert
