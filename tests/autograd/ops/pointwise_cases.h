#pragma once

#include <cmath>
#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <support/precise.h>

/// The pointwise operations of floating numbers: their formulas as a textbook has them, and what accuracy they promise.

namespace wengert::precise {

/// The tails of a derivative.
enum class Tails {
  relative,  // hold their digits
  absolute,  // are small differences of numbers near 1
};

/// A formula of up to three inputs, then the attributes.
using Reference = std::function<Precise(const std::vector<Precise>&)>;

struct Case {
  std::string name;
  std::size_t inputs;
  Reference reference;
  /// Errors in units of the last place. Values: those of the vector functions (up to 4, see math_accuracy_test) and a
  /// rounding for each operation around them. Derivatives: in units of 2⁻⁵³ or 2⁻²⁴ times the larger of itself and,
  /// where `Tails` or the range allow for cancellation, 1.
  double ulps = 1;
  double derivative_ulps = 8;
  double second_ulps = 40;
  Tails tails = Tails::relative;
  /// Of the kind x F(x), where F becomes subnormal before the product does.
  bool is_product = false;
  /// By how much the rounding of an inner argument is magnified: exp(u) has |u| times the relative error of u.
  double (*magnification)(double) = [](double) { return 1.0; };
};

inline std::ostream& operator<<(std::ostream& out, const Case& given) { return out << given.name; }

inline Case unary(std::string name, Precise (*function)(const Precise&), double ulps) {
  return {std::move(name), 1, [function](const std::vector<Precise>& x) { return function(x[0]); }, ulps};
}
inline Case binary(std::string name, Precise (*function)(const Precise&, const Precise&), double ulps) {
  return {std::move(name), 2, [function](const std::vector<Precise>& x) { return function(x[0], x[1]); }, ulps};
}

/// ln(1 + eˣ); from 10⁶ on the 1 is beyond 2000 digits.
inline Precise softplus(const Precise& x) { return x > 1e6 ? x : log1p(exp(x)); }
inline Precise logistic(const Precise& x) { return 1 / (1 + exp(-x)); }
inline Precise bounded(const Precise& x, double low, double high) { return minimum(maximum(x, low), high); }
inline Precise exponential_branch(const Precise& x, const Precise& alpha) { return x > 0 ? x : alpha * expm1(x); }
inline const Precise selu_lambda(1.0507009873554804934193349852946);
inline const Precise selu_alpha(1.6732632423543772848170429916717);
inline const Precise two_over_pi = 2 / acos(Precise(-1));

inline std::vector<Case> cases() {
  // clang-format off: a line each
  std::vector<Case> cases = {
      unary(
          "identity", [](const Precise& x) { return x; }, 0),
      unary(
          "neg", [](const Precise& x) { return -x; }, 0),
      unary(
          "abs", [](const Precise& x) { return abs(x); }, 0),
      unary(
          "sign", [](const Precise& x) { return x > 0   ? Precise(1)
                                                : x < 0 ? Precise(-1)
                                                        : x; }, 0),
      unary(
          "reciprocal", [](const Precise& x) { return 1 / x; }, 0.5),
      binary(
          "add", [](const Precise& a, const Precise& b) { return a + b; }, 0.5),
      binary(
          "sub", [](const Precise& a, const Precise& b) { return a - b; }, 0.5),
      binary(
          "mul", [](const Precise& a, const Precise& b) { return a * b; }, 0.5),
      binary(
          "div", [](const Precise& a, const Precise& b) { return a / b; }, 0.5),
      unary(
          "square", [](const Precise& x) { return x * x; }, 0.5),
      unary("sqrt", sqrt, 0.5),
      unary(
          "rsqrt", [](const Precise& x) { return 1 / sqrt(x); }, 1.5),
      binary("pow", pow, 1),
      binary("hypot", hypot, 2),
      binary("atan2", atan2, 3),
      binary("minimum", minimum, 0),
      binary("maximum", maximum, 0),
      {"clamp", 3, [](const auto& x) { return minimum(maximum(x[0], x[1]), x[2]); }, 0},
      unary("exp", exp, 1),
      unary("expm1", expm1, 2),
      unary("log", log, 1),
      unary("log1p", log1p, 1.5),
      unary("sin", sin, 1),
      unary("cos", cos, 1),
      unary("tan", tan, 2.5),
      unary("asin", asin, 2),
      unary("acos", acos, 2),
      unary("atan", atan, 2),
      unary("sinh", sinh, 2.5),
      unary("cosh", cosh, 2),
      unary("tanh", tanh, 2.5),
      unary("asinh", asinh, 3),
      unary("acosh", acosh, 3),
      unary("atanh", atanh, 3),
      unary("erf", erf, 2),
      unary("erfc", erfc, 4),
      unary("floor", floor, 0),
      unary("ceil", ceil, 0),
      unary("round", round_to_even, 0),
      unary(
          "relu", [](const Precise& x) { return maximum(x, 0); }, 0),
      {"leaky_relu", 1, [](const auto& x) { return x[0] > 0 ? x[0] : x[1] * x[0]; }, 0.5},
      {"elu", 1, [](const auto& x) { return exponential_branch(x[0], x[1]); }, 3},
      {"celu", 1, [](const auto& x) { return x[0] > 0 ? x[0] : x[1] * expm1(x[0] / x[1]); }, 3},
      unary(
          "selu", [](const Precise& x) { return selu_lambda * exponential_branch(x, selu_alpha); }, 3),
      unary("sigmoid", logistic, 3),
      unary(
          "log_sigmoid", [](const Precise& x) { return -softplus(-x); }, 3),
      unary("softplus", softplus, 3),
      unary(
          "silu", [](const Precise& x) { return x * logistic(x); }, 4),
      unary(
          "mish", [](const Precise& x) { return x * tanh(softplus(x)); }, 6),
      unary(
          "softsign", [](const Precise& x) { return x / (1 + abs(x)); }, 1),
      unary(
          "hard_sigmoid", [](const Precise& x) { return bounded(x + 3, 0, 6) / 6; }, 1),
      unary(
          "hard_tanh", [](const Precise& x) { return bounded(x, -1, 1); }, 0),
      unary(
          "hard_swish", [](const Precise& x) { return x * bounded(x + 3, 0, 6) / 6; }, 2),
      unary(
          "gelu", [](const Precise& x) { return x * erfc(-x / sqrt(Precise(2))) / 2; }, 6),
      unary(
          "gelu_tanh",
          [](const Precise& x) {
            return x * logistic(2 * sqrt(two_over_pi) * (x + Precise(44715) / 1000000 * x * x * x));
          },
          6),
      unary(
          "gelu_sigmoid", [](const Precise& x) { return x * logistic(Precise(1702) / 1000 * x); }, 4),
  };
  // clang-format on
  const std::set<std::string> products = {"silu", "mish", "gelu", "gelu_tanh", "gelu_sigmoid"};
  for (Case& given : cases) {
    given.is_product = products.contains(given.name);
    if (given.name == "sigmoid" || given.name == "tanh" || given.name == "hypot") given.tails = Tails::absolute;
    if (given.name == "gelu_tanh")
      given.magnification = [](double x) { return 1 + std::abs(1.6 * x * (1 + 0.045 * x * x)); };
    if (given.name == "gelu_sigmoid") given.magnification = [](double x) { return 1 + std::abs(1.7 * x); };
    // 1/r − a²/r³ cancels where a is nearly all of r, and 1/r is up to 1000 on this grid.
    if (given.name == "hypot") given.second_ulps = 4e4;
    // The derivative's exponent b − 1 is rounded, and magnified by ln a.
    if (given.name == "pow")
      given.magnification = [](double x) { return x == 0 ? 1 : 1 + std::abs(std::log(std::abs(x))); };
  }
  return cases;
}

}  // namespace wengert::precise
