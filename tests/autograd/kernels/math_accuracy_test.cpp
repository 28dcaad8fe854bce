#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <mpfr.h>

#include <wengert/autograd/kernels/pointwise.h>

// Every mathematical primitive against MPFR (Fousse et al., "MPFR: a multiple-precision binary floating-point library
// with correct rounding", 2007) on every instruction set this machine has.

namespace wengert::kernels {
namespace {

// A number of 200 bits: many more than any argument here cancels.
class Precise {
 public:
  Precise() { mpfr_init2(value_, 200); }
  explicit Precise(double value) : Precise() { mpfr_set_d(value_, value, MPFR_RNDN); }
  Precise(const Precise&) = delete;
  Precise& operator=(const Precise&) = delete;
  ~Precise() { mpfr_clear(value_); }
  mpfr_ptr get() { return value_; }

 private:
  mpfr_t value_;
};

using Unary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
using Binary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

struct Case {
  Primitive primitive;
  Unary unary;
  Binary binary;
  double low, high;  // where most of what is interesting happens
  double ulps_f32, ulps_f64;
};

std::ostream& operator<<(std::ostream& out, const Case& given) { return out << name_of(given.primitive); }

// Distance of `result` from `exact` in units of the last place of `exact` in T. Infinity counts as the power of two
// that follows the largest number.
template <typename T>
double error_in_ulps(T result, Precise& exact) {
  if (mpfr_nan_p(exact.get()) != 0 || std::isnan(result)) {
    return (mpfr_nan_p(exact.get()) != 0) == std::isnan(result) ? 0 : std::numeric_limits<double>::infinity();
  }
  using Limits = std::numeric_limits<T>;
  Precise beyond(1);
  mpfr_mul_2si(beyond.get(), beyond.get(), Limits::max_exponent, MPFR_RNDN);
  if (mpfr_cmpabs(exact.get(), beyond.get()) > 0) mpfr_copysign(exact.get(), beyond.get(), exact.get(), MPFR_RNDN);
  Precise difference(result);
  if (std::isinf(result)) mpfr_copysign(difference.get(), beyond.get(), difference.get(), MPFR_RNDN);
  const long exponent = mpfr_zero_p(exact.get()) != 0 ? Limits::min_exponent : mpfr_get_exp(exact.get());
  mpfr_sub(difference.get(), difference.get(), exact.get(), MPFR_RNDN);
  const long ulp = std::max<long>(exponent, Limits::min_exponent) - Limits::digits;
  mpfr_mul_2si(difference.get(), difference.get(), -ulp, MPFR_RNDN);
  return std::abs(mpfr_get_d(difference.get(), MPFR_RNDN));
}

template <typename T>
std::vector<T> edges() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> numbers = {0,
                            Limits::denorm_min(),
                            3 * Limits::denorm_min(),
                            Limits::min(),
                            Limits::max(),
                            Limits::infinity(),
                            Limits::epsilon(),
                            Limits::epsilon() / 2};
  for (const double x : {0.5,
                         1.0,
                         1.5,
                         2.0,
                         3.0,
                         10.0,
                         0.7071067811865476,
                         1.4142135623730951,
                         0.34657359027997264,
                         0.41421356237309503,
                         2.414213562373095,
                         0.7853981633974483,
                         1.5707963267948966,
                         3.141592653589793,
                         22.0,
                         40.0,
                         87.3,
                         88.72,
                         89.0,
                         103.9,
                         104.0,
                         127.0,
                         128.0,
                         709.78,
                         710.4,
                         710.47,
                         710.5,
                         745.1,
                         746.0,
                         5.9,
                         6.0,
                         10.05,
                         10.2,
                         26.5,
                         27.2,
                         27.3,
                         1048576.0,
                         1048577.0,
                         1647099.3,
                         5e9,
                         1e18,
                         1e19,
                         1e30,
                         1e154,
                         1e200,
                         6381956970095103e93,
                         5.526e-10,
                         1e-8,
                         1e-17,
                         1e-30,
                         1e-160,
                         1e-300}) {
    const T number = static_cast<T>(x);
    numbers.insert(numbers.end(), {number, std::nextafter(number, T{0}), std::nextafter(number, Limits::infinity())});
  }
  const std::size_t positive = numbers.size();
  for (std::size_t i = 0; i < positive; ++i) numbers.push_back(-numbers[i]);
  numbers.push_back(Limits::quiet_NaN());
  return numbers;
}

// Edges, numbers evenly spread over [low, high], around the nodes of the trigonometric functions, and of all
// magnitudes.
template <typename T>
std::vector<T> arguments(const Case& given, std::size_t count, std::uint32_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<double> uniform(given.low, given.high);
  std::uniform_int_distribution<int> multiples(-1000000 / 2, 1000000 / 2);
  std::vector<T> numbers = edges<T>();
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(static_cast<T>(uniform(engine)));
    numbers.push_back(static_cast<T>(multiples(engine) * 1.5707963267948966));
    if constexpr (std::is_same_v<T, float>) {
      numbers.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(engine() >> 32)));
    } else {
      numbers.push_back(std::bit_cast<double>(engine()));
    }
    numbers.push_back(static_cast<T>(uniform(engine) * std::exp2(uniform(engine) / given.high * 20)));
  }
  return numbers;
}

template <typename T>
std::vector<T> compute(Primitive primitive, const std::vector<T>& a, const std::vector<T>& b) {
  const auto inputs = static_cast<std::uint16_t>(arity(primitive));
  const PointwiseKernel kernel({.inputs = inputs, .instructions = {{primitive, 0, 1}}, .outputs = {inputs}});
  const std::int64_t stride = 1;
  const std::array given = {PointwiseInput{a.data(), dtype_of<T>, &stride},
                            PointwiseInput{b.data(), dtype_of<T>, &stride}};
  std::vector<T> result(a.size());
  const PointwiseOutput output = {result.data(), dtype_of<T>};
  const auto count = static_cast<std::int64_t>(a.size());
  kernel.run(dtype_of<T>, std::span(given).first(inputs), {}, {&output, 1}, {&count, 1});
  return result;
}

template <typename T>
void expect_accuracy(const Case& given, double limit, std::size_t count) {
  const std::vector<T> a = arguments<T>(given, count, 1);
  std::vector<T> b = a;
  std::shuffle(b.begin(), b.end(), std::mt19937_64(2));
  const std::vector<T> result = compute(given.primitive, a, b);
  double worst = 0;
  std::size_t at = 0;
  Precise exact;
  for (std::size_t i = 0; i < a.size(); ++i) {
    Precise x(a[i]);
    Precise y(b[i]);
    if (given.unary != nullptr) {
      given.unary(exact.get(), x.get(), MPFR_RNDN);
    } else {
      given.binary(exact.get(), x.get(), y.get(), MPFR_RNDN);
    }
    const bool negative = mpfr_signbit(exact.get()) != 0;
    const bool is_nan = mpfr_nan_p(exact.get()) != 0;
    EXPECT_TRUE(is_nan || std::signbit(result[i]) == negative) << "sign at " << a[i] << ", " << b[i];
    const double error = error_in_ulps(result[i], exact);
    if (!(error <= worst)) worst = error, at = i;
  }
  EXPECT_LE(worst, limit) << name_of(dtype_of<T>) << " on " << instruction_set() << " at " << std::hexfloat << a[at]
                          << ", " << b[at] << ": " << result[at];
}

class MathAccuracy : public testing::TestWithParam<Case> {
 protected:
  ~MathAccuracy() override { use(0); }

  static void use(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

// Arguments.
constexpr std::size_t of_each_kind = 500;

TEST_P(MathAccuracy, StaysWithinItsUlpsOnEveryInstructionSet) {
  for (std::int64_t targets = hwy::SupportedTargets(); targets != 0; targets &= targets - 1) {
    use(targets & -targets);
    if (std::string(hwy::TargetName(targets & -targets)) != instruction_set()) continue;  // not built
    expect_accuracy<float>(GetParam(), GetParam().ulps_f32, of_each_kind);
    expect_accuracy<double>(GetParam(), GetParam().ulps_f64, of_each_kind);
  }
}

constexpr Case unary(Primitive primitive, Unary function, double low, double high, double ulps_f64) {
  return {primitive, function, nullptr, low, high, 0.51, ulps_f64};
}
constexpr Case binary(Primitive primitive, Binary function, double low, double high, double ulps_f64) {
  return {primitive, nullptr, function, low, high, 0.51, ulps_f64};
}

INSTANTIATE_TEST_SUITE_P(
    Functions, MathAccuracy,
    testing::Values(unary(Primitive::sqrt, mpfr_sqrt, 0, 10, 0.5), unary(Primitive::exp, mpfr_exp, -750, 712, 1),
                    unary(Primitive::expm1, mpfr_expm1, -2, 2, 2), unary(Primitive::log, mpfr_log, 0, 3, 1),
                    unary(Primitive::log1p, mpfr_log1p, -1, 2, 1.5), unary(Primitive::sin, mpfr_sin, -10, 10, 1),
                    unary(Primitive::cos, mpfr_cos, -10, 10, 1), unary(Primitive::tan, mpfr_tan, -10, 10, 2.5),
                    unary(Primitive::asin, mpfr_asin, -1, 1, 2), unary(Primitive::acos, mpfr_acos, -1, 1, 2),
                    unary(Primitive::atan, mpfr_atan, -5, 5, 2), unary(Primitive::sinh, mpfr_sinh, -5, 5, 2.5),
                    unary(Primitive::cosh, mpfr_cosh, -5, 5, 2), unary(Primitive::tanh, mpfr_tanh, -5, 5, 2.5),
                    unary(Primitive::asinh, mpfr_asinh, -5, 5, 3), unary(Primitive::acosh, mpfr_acosh, 1, 5, 3),
                    unary(Primitive::atanh, mpfr_atanh, -1, 1, 3), unary(Primitive::erf, mpfr_erf, -4, 4, 2),
                    unary(Primitive::erfc, mpfr_erfc, -6, 28, 4), binary(Primitive::pow, mpfr_pow, 0, 20, 1),
                    binary(Primitive::atan2, mpfr_atan2, -5, 5, 3), binary(Primitive::hypot, mpfr_hypot, -5, 5, 2)),
    [](const testing::TestParamInfo<Case>& given) { return std::string(name_of(given.param.primitive)); });

}  // namespace
}  // namespace wengert::kernels
