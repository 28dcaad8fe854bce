#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/precise.h>

#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Every pointwise operation of floating numbers against its formula as a textbook has it, in 2000 binary digits: values
// on the catalogue's samples and on a grid that reaches from the smallest to the largest number; first and second
// derivatives against differences of that same formula (a step of 2⁻³⁰⁰ leaves hundreds of digits), so that no
// derivation by hand is trusted.

namespace wengert {
namespace {

using precise::Precise;

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
  bool is_product = false;
  /// By how much the rounding of an inner argument is magnified: exp(u) has |u| times the relative error of u.
  double (*magnification)(double) = [](double) { return 1.0; };
};

std::ostream& operator<<(std::ostream& out, const Case& given) { return out << given.name; }

Case unary(std::string name, Precise (*function)(const Precise&), double ulps) {
  return {std::move(name), 1, [function](const std::vector<Precise>& x) { return function(x[0]); }, ulps};
}
Case binary(std::string name, Precise (*function)(const Precise&, const Precise&), double ulps) {
  return {std::move(name), 2, [function](const std::vector<Precise>& x) { return function(x[0], x[1]); }, ulps};
}

/// ln(1 + eˣ); from 10⁶ on the 1 is beyond 2000 digits.
Precise softplus(const Precise& x) { return x > 1e6 ? x : precise::log1p(precise::exp(x)); }
Precise logistic(const Precise& x) { return 1 / (1 + exp(-x)); }
Precise bounded(const Precise& x, double low, double high) { return minimum(maximum(x, low), high); }
Precise exponential_branch(const Precise& x, const Precise& alpha) { return x > 0 ? x : alpha * expm1(x); }
const Precise selu_lambda(1.0507009873554804934193349852946);
const Precise selu_alpha(1.6732632423543772848170429916717);
const Precise two_over_pi = 2 / acos(Precise(-1));

std::vector<Case> cases() {
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
      unary("sqrt", precise::sqrt, 0.5),
      unary(
          "rsqrt", [](const Precise& x) { return 1 / sqrt(x); }, 1.5),
      binary("pow", precise::pow, 1),
      binary("hypot", precise::hypot, 2),
      binary("atan2", precise::atan2, 3),
      binary("minimum", precise::minimum, 0),
      binary("maximum", precise::maximum, 0),
      {"clamp", 3, [](const auto& x) { return minimum(maximum(x[0], x[1]), x[2]); }, 0},
      unary("exp", precise::exp, 1),
      unary("expm1", precise::expm1, 2),
      unary("log", precise::log, 1),
      unary("log1p", precise::log1p, 1.5),
      unary("sin", precise::sin, 1),
      unary("cos", precise::cos, 1),
      unary("tan", precise::tan, 2.5),
      unary("asin", precise::asin, 2),
      unary("acos", precise::acos, 2),
      unary("atan", precise::atan, 2),
      unary("sinh", precise::sinh, 2.5),
      unary("cosh", precise::cosh, 2),
      unary("tanh", precise::tanh, 2.5),
      unary("asinh", precise::asinh, 3),
      unary("acosh", precise::acosh, 3),
      unary("atanh", precise::atanh, 3),
      unary("erf", precise::erf, 2),
      unary("erfc", precise::erfc, 4),
      unary("floor", precise::floor, 0),
      unary("ceil", precise::ceil, 0),
      unary("round", precise::round_to_even, 0),
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

template <typename T>
Tensor tensor_of(const std::vector<double>& values) {
  return Tensor(std::vector<T>(values.begin(), values.end()));
}

template <typename T>
std::vector<double> numbers_of(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  return {data.begin(), data.end()};
}

/// What of an operation's attributes its formula is given: numbers, rounded as the elements are.
template <typename T>
std::vector<Precise> attributes_of(const Operation& operation) {
  std::vector<Precise> result;
  for (const auto& entry : operation.attributes) result.emplace_back(static_cast<T>(std::get<double>(entry.value)));
  return result;
}

/// Both signs of everything between the smallest and the largest number of T, with those where something happens.
template <typename T>
std::vector<double> grid(std::size_t inputs) {
  using Limits = std::numeric_limits<T>;
  std::vector<double> positive = {
      0, 0.3, 0.5, 1, 1.5, 2.25, 3, 4.5, 13, 30, 86, 1e-3, 1e-9, double{Limits::max()}, double{Limits::min()}};
  if (inputs == 1) {
    for (const double x : {double{Limits::denorm_min()},
                           1e-20,
                           1e-5,
                           0.02,
                           0.1,
                           0.75,
                           1.0 - 1.0 / 4096,
                           1.25,
                           2.9,
                           3.5,
                           6.0,
                           8.0,
                           10.0,
                           17.0,
                           20.0,
                           25.0,
                           36.5,
                           38.0,
                           40.0,
                           70.0,
                           100.0,
                           103.0,
                           350.0,
                           700.0,
                           709.0,
                           745.0,
                           800.0,
                           1e4,
                           1e8,
                           1e15,
                           1e30,
                           1e160}) {
      positive.push_back(x);
    }
  }
  std::vector<double> result;
  for (const double x : positive) {
    if (!std::isfinite(static_cast<T>(x))) continue;
    result.push_back(static_cast<T>(x));
    result.push_back(-static_cast<T>(x));
  }
  return result;
}

/// The arguments of a case: one vector per input.
template <typename T>
std::vector<std::vector<double>> arguments(const Case& given, const Operation& operation) {
  std::vector<std::vector<double>> result(given.inputs);
  const std::vector<double> numbers = grid<T>(given.inputs);
  std::size_t count = 1;
  for (std::size_t i = 0; i < given.inputs; ++i) count *= given.inputs == 3 ? 6 : numbers.size();
  for (std::size_t k = 0; k < count; ++k) {
    std::size_t rest = k;
    for (std::size_t i = 0; i < given.inputs; ++i) {
      const std::size_t choices = given.inputs == 3 ? 6 : numbers.size();
      result[i].push_back(numbers[given.inputs == 3 ? 2 + rest % choices : rest % choices]);
      rest /= choices;
    }
  }
  for (const Sample& sample : operation.samples()) {
    const Shape shape = apply(operation, sample.inputs, sample.attributes).shape();
    for (std::size_t i = 0; i < given.inputs; ++i) {
      for (const double x : numbers_of<double>(broadcast_to(sample.inputs[i], shape)))
        result[i].push_back(static_cast<T>(x));
    }
  }
  return result;
}

template <typename T>
double ulp(const Precise& x) {
  using Limits = std::numeric_limits<T>;
  const long exponent = x.is_zero() ? Limits::min_exponent : std::max<long>(x.exponent(), Limits::min_exponent);
  return std::ldexp(1.0, static_cast<int>(exponent - Limits::digits));
}

/// |result − exact|; infinite numbers and those too large for T agree where their signs do.
template <typename T>
double distance(double result, const Precise& exact) {
  const Precise beyond = precise::scaled(Precise(1), std::numeric_limits<T>::max_exponent);
  if (exact.is_nan() || std::isnan(result))
    return exact.is_nan() == std::isnan(result) ? 0 : std::numeric_limits<double>::infinity();
  if (std::isinf(result)) {
    // What is nearly too large may be computed as infinite.
    return abs(exact) > beyond * (1 - 1e-6) && (exact > 0) == (result > 0) ? 0
                                                                           : std::numeric_limits<double>::infinity();
  }
  if (!(abs(exact) < beyond))
    return std::abs(result) > 0.999 * double{std::numeric_limits<T>::max()} ? 0
                                                                            : std::numeric_limits<double>::infinity();
  return abs(Precise(result) - exact).to_double();
}

/// The inputs and attributes at one place, as the reference takes them.
template <typename T>
std::vector<Precise> at(const std::vector<std::vector<double>>& inputs, std::size_t k, const Operation& operation) {
  std::vector<Precise> result;
  for (const auto& input : inputs) result.emplace_back(input[k]);
  for (const Precise& attribute : attributes_of<T>(operation)) result.push_back(attribute);
  return result;
}

std::string describe(const std::vector<std::vector<double>>& inputs, std::size_t k) {
  std::string result = "(";
  for (const auto& input : inputs) result += (result.size() > 1 ? ", " : "") + testing::PrintToString(input[k]);
  return result + ")";
}

class PointwiseAccuracy : public testing::TestWithParam<Case> {
 protected:
  const Operation& operation() const { return *find_operation(GetParam().name); }
};

template <typename T>
void expect_values(const Case& given, const Operation& operation) {
  const auto inputs = arguments<T>(given, operation);
  std::vector<Tensor> tensors;
  for (const auto& input : inputs) tensors.push_back(tensor_of<T>(input));
  const std::vector<double> results = numbers_of<T>(wengert::apply(operation, tensors));
  for (std::size_t k = 0; k < results.size(); ++k) {
    const Precise exact = given.reference(at<T>(inputs, k, operation));
    // The factor of x in the activations of the kind x F(x) is subnormal before the product is.
    const double subnormal =
        given.is_product ? std::abs(inputs[0][k]) * double{std::numeric_limits<T>::denorm_min()} : 0;
    const double limit = given.ulps * given.magnification(inputs[0][k]) * ulp<T>(exact) + subnormal;
    EXPECT_LE(distance<T>(results[k], exact), limit)
        << given.name << describe(inputs, k) << " = " << results[k] << " in " << name_of(dtype_of<T>) << ", exactly "
        << exact.to_double() << "; an ulp is " << ulp<T>(exact);
  }
}

TEST_P(PointwiseAccuracy, ValuesAreThoseOfTheFormula) {
  expect_values<double>(GetParam(), operation());
  expect_values<float>(GetParam(), operation());
}

/// Step for differences: far below everything that matters, far above the last of 2000 digits.
Precise step(double x, int order) {
  if (x == 0) return precise::scaled(Precise(1), order == 1 ? -1400 : -300);
  return precise::scaled(Precise(std::min(1.0, std::abs(x))), -300);
}

Precise first_difference(const Case& given, std::vector<Precise> x, std::size_t input, const Precise& h) {
  const Precise centre = x[input];
  x[input] = centre + h;
  const Precise above = given.reference(x);
  x[input] = centre - h;
  return (above - given.reference(x)) / (2 * h);
}

Precise second_difference(const Case& given, std::vector<Precise> x, std::size_t input, const Precise& h) {
  const Precise centre = x[input];
  const Precise middle = given.reference(x);
  x[input] = centre + h;
  const Precise above = given.reference(x);
  x[input] = centre - h;
  return ((above - middle) - (middle - given.reference(x))) / (h * h);
}

/// Whether the derivative jumps there, or there is none.
bool is_kink(const Case& given, const Operation& operation, const std::vector<std::vector<double>>& inputs,
             std::size_t k) {
  const double x = inputs[0][k];
  const std::set<std::string> rounding = {"floor", "ceil", "round"};
  if (rounding.contains(given.name)) return 2 * x == std::floor(2 * x);
  if (given.name == "atan2" || given.name == "hypot") return x == 0 && inputs[1][k] <= 0;
  // A large exponent has no digit for b − 1, by which the sign goes.
  if (given.name == "pow") return x < 0 && std::abs(inputs[1][k]) > 0x1p24;
  if (given.name == "minimum" || given.name == "maximum") return x == inputs[1][k];
  if (given.name == "clamp") return x == inputs[1][k] || x == inputs[2][k] || inputs[1][k] == inputs[2][k];
  return std::any_of(operation.kinks.begin(), operation.kinks.end(), [&](double kink) { return kink == x; });
}

/// Whether the argument is left to other tests: at a pole, where the value is too large for T, and, for second
/// derivatives, where these are, or where the square of the step is beyond 2000 digits.
template <typename T>
bool is_extreme(const Precise& value, const std::vector<std::vector<double>>& inputs, std::size_t k, int order) {
  if (!(abs(value) < Precise(double{std::numeric_limits<T>::max()}))) return true;
  const double least = inputs.size() == 1 ? 1e-100 : 1e-9;
  const double most = inputs.size() == 1 ? 1e100 : 1e9;
  return order == 2 && std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) {
           const double x = std::abs(input[k]);
           return x > most || (x != 0 && x < least);
         });
}

template <typename T>
void expect_derivatives(const Case& given, const Operation& operation, int order) {
  const auto inputs = arguments<T>(given, operation);
  for (std::size_t input = 0; input < given.inputs; ++input) {
    Tape outer;
    Tape inner;
    std::vector<Tensor> tensors;
    for (const auto& values : inputs) tensors.push_back(tensor_of<T>(values));
    tensors[input] = inner.watch(outer.watch(tensors[input]));
    const Tensor y = wengert::apply(operation, tensors);
    const Tensor ones_like = ones(y.shape(), y.dtype());
    Tensor derivative = inner.gradient(y, tensors[input], ones_like);
    if (order == 2) derivative = outer.gradient(derivative, tensors[input], ones_like);
    const std::vector<double> results = numbers_of<T>(derivative);
    for (std::size_t k = 0; k < results.size(); ++k) {
      const double x = inputs[input][k];
      const auto place = at<T>(inputs, k, operation);
      if (is_kink(given, operation, inputs, k) || is_extreme<T>(given.reference(place), inputs, k, order)) continue;
      const Precise h = step(x, order);
      const Precise exact =
          order == 1 ? first_difference(given, place, input, h) : second_difference(given, place, input, h);
      if (!exact.is_finite()) continue;  // at the end of the domain
      const bool cancels = given.tails == Tails::absolute || std::abs(x) <= 8;
      const double unit = cancels ? std::max(ulp<T>(exact), ulp<T>(Precise(0.75))) : ulp<T>(exact);
      const double limit =
          (order == 1 ? given.derivative_ulps : given.second_ulps) * given.magnification(inputs[0][k]) * unit;
      // What is subnormal may have been lost on the way.
      const double subnormal = double{std::numeric_limits<T>::min()};
      EXPECT_LE(distance<T>(results[k], exact), limit + subnormal)
          << "derivative " << order << " of " << given.name << " by input " << input << describe(inputs, k) << " = "
          << results[k] << " in " << name_of(dtype_of<T>) << ", exactly " << exact.to_double();
    }
  }
}

TEST_P(PointwiseAccuracy, FirstDerivativesAreThoseOfTheFormula) {
  if (!operation().differentiable) GTEST_SKIP();
  expect_derivatives<double>(GetParam(), operation(), 1);
  expect_derivatives<float>(GetParam(), operation(), 1);
}

TEST_P(PointwiseAccuracy, SecondDerivativesAreThoseOfTheFormula) {
  if (!operation().differentiable) GTEST_SKIP();
  expect_derivatives<double>(GetParam(), operation(), 2);
  expect_derivatives<float>(GetParam(), operation(), 2);
}

INSTANTIATE_TEST_SUITE_P(Catalogue, PointwiseAccuracy, testing::ValuesIn(cases()),
                         [](const testing::TestParamInfo<Case>& given) { return given.param.name; });

TEST(PointwiseAccuracyTable, NamesEveryPointwiseOperationOfFloatingNumbers) {
  std::set<std::string> named = {"where"};  // chooses; see its own tests
  for (const Case& given : cases()) named.insert(given.name);
  for (const Operation* operation : catalogue()) {
    if (operation->pointwise == nullptr || !operation->differentiable) continue;
    EXPECT_TRUE(named.contains(operation->name)) << operation->name;
  }
}

}  // namespace
}  // namespace wengert
