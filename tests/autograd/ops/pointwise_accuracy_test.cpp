#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <autograd/ops/pointwise_cases.h>
#include <gtest/gtest.h>
#include <support/precise.h>
#include <support/tensors.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>

// Every pointwise operation of floating numbers against its formula as a textbook has it, in 2000 binary digits: values
// on the catalogue's samples and on a grid that reaches from the smallest to the largest number; first and second
// derivatives against differences of that same formula (a step of 2⁻³⁰⁰ leaves hundreds of digits), so that no
// derivation by hand is trusted.

namespace wengert {
namespace {

using precise::Case;
using precise::cases;
using precise::Precise;
using precise::Tails;

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

/// Of odd functions, near 0: x (1 + O(x²)) times a number, in which nothing is to cancel.
TEST(PointwiseAccuracyNearZero, SecondDerivativesKeepTheirDigits) {
  struct Function {
    Tensor (*function)(const Tensor&);
    double per_x;
  };
  for (const auto& [function, per_x] :
       {Function{tanh, -2}, Function{asin, 1}, Function{acos, -1}, Function{atan, -2}, Function{atanh, 2}}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const auto f = function;
      const auto slope = grad([f](const Tensor& x) { return sum(f(x)); });
      const auto curvature = grad([slope](const Tensor& x) { return sum(slope(x)); });
      for (const double x : {1e-5, -1e-9, 1e-20}) {
        const double near = cast(scalar(x, dtype), DType::f64).item();
        const double found = cast(curvature(scalar(x, dtype)), DType::f64).item();
        const double digits = dtype == DType::f32 ? 4e-7 : 1e-9;  // roundings; and x² of what is left out
        EXPECT_NEAR(found / (per_x * near), 1, digits) << per_x << " x at " << x << " in " << name_of(dtype);
      }
    }
  }
}

TEST(PointwiseAccuracyTable, NamesEveryPointwiseOperationOfFloatingNumbers) {
  std::set<std::string> named = {"where"};  // chooses; see its own tests
  for (const Case& given : cases()) named.insert(given.name);
  // The library's own alone: other tests of the program may have registered some.
  for (const detail::CatalogueEntry& entry : detail::builtin_operations()) {
    const Operation& operation = entry.operation();
    if (operation.pointwise == nullptr || !operation.differentiable) continue;
    EXPECT_TRUE(named.contains(operation.name)) << operation.name;
  }
}

// Whatever stands beside them: the bits of an element are a function of its own base and exponent.
TEST(Power, OfTwoAndOfThreeIsAProduct) {
  std::vector<double> bases, exponents, products;
  for (int i = 0; i < 64; ++i) {
    const double x = 0.37 * i - 11;
    bases.insert(bases.end(), {x, x, std::abs(x)});
    exponents.insert(exponents.end(), {2, 3, 2.5});
    products.insert(products.end(), {x * x, x * x * x});
  }
  const Tensor x(bases), mixed = pow(x, Tensor(exponents));
  const std::vector<double> squares = values<double>(pow(x, 2)), cubes = values<double>(pow(x, 3));
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(values<double>(mixed)[3 * i], products[2 * i]);
    EXPECT_EQ(values<double>(mixed)[3 * i + 1], products[2 * i + 1]);
    EXPECT_EQ(squares[3 * i], products[2 * i]);
    EXPECT_EQ(cubes[3 * i + 1], products[2 * i + 1]);
  }
}

}  // namespace
}  // namespace wengert
