#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <type_traits>
#include <vector>

#include <mpfr.h>

#include <wengert/autograd/kernels/pointwise.h>

/// The mathematical primitives beside MPFR (Fousse et al., "MPFR: a multiple-precision binary floating-point library
/// with correct rounding", 2007): shared by the test and by the program that writes docs/accuracy.md.

namespace wengert::kernels::accuracy {

/// A primitive, the function that it stands for, and the bounds that are promised.
struct Function {
  using Unary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
  using Binary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

  Primitive primitive;
  Unary unary;
  Binary binary;
  double low, high;  ///< where most of what is interesting happens
  double ulps_f32, ulps_f64;
};

/// The largest error seen, in units of the last place of the exact result, and where.
template <typename T>
struct Worst {
  double ulps = 0;
  T a = 0, b = 0, result = 0;
};

// 128 bits: the error of the comparison is of no account.
class Number {
 public:
  Number() { mpfr_init2(value_, 128); }
  explicit Number(double value) : Number() { mpfr_set_d(value_, value, MPFR_RNDN); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  ~Number() { mpfr_clear(value_); }
  mpfr_ptr get() { return value_; }

 private:
  mpfr_t value_;
};

constexpr Function unary(Primitive primitive, Function::Unary function, double low, double high, double ulps_f32,
                         double ulps_f64) {
  return {primitive, function, nullptr, low, high, ulps_f32, ulps_f64};
}
constexpr Function binary(Primitive primitive, Function::Binary function, double low, double high, double ulps_f32,
                          double ulps_f64) {
  return {primitive, nullptr, function, low, high, ulps_f32, ulps_f64};
}

// 1 / (1 + e⁻ˣ) and ½ erfc(−x/√2), with digits enough that none of those compared is lost.
inline int logistic(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding) {
  mpfr_neg(y, x, rounding);
  mpfr_exp(y, y, rounding);
  mpfr_add_ui(y, y, 1, rounding);
  return mpfr_ui_div(y, 1, y, rounding);
}
inline int normal_cdf(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t rounding) {
  Number root_of_half(0.5);
  mpfr_sqrt(root_of_half.get(), root_of_half.get(), rounding);
  mpfr_mul(y, x, root_of_half.get(), rounding);
  mpfr_neg(y, y, rounding);
  mpfr_erfc(y, y, rounding);
  return mpfr_div_2ui(y, y, 1, rounding);
}

inline const std::array functions = {
    unary(Primitive::sqrt, mpfr_sqrt, 0, 10, 0.5, 0.5),   unary(Primitive::exp, mpfr_exp, -750, 712, 1.2, 1),
    unary(Primitive::expm1, mpfr_expm1, -2, 2, 1.4, 2),   unary(Primitive::log, mpfr_log, 0, 3, 0.9, 1),
    unary(Primitive::log1p, mpfr_log1p, -1, 2, 0.9, 1.5), unary(Primitive::sin, mpfr_sin, -10, 10, 1.6, 1),
    unary(Primitive::cos, mpfr_cos, -10, 10, 1.6, 1),     unary(Primitive::tan, mpfr_tan, -10, 10, 0.51, 2.5),
    unary(Primitive::asin, mpfr_asin, -1, 1, 0.51, 2),    unary(Primitive::acos, mpfr_acos, -1, 1, 0.51, 2),
    unary(Primitive::atan, mpfr_atan, -5, 5, 0.51, 2),    unary(Primitive::sinh, mpfr_sinh, -5, 5, 0.51, 2.5),
    unary(Primitive::cosh, mpfr_cosh, -5, 5, 0.51, 2),    unary(Primitive::tanh, mpfr_tanh, -5, 5, 1.9, 2.5),
    unary(Primitive::logistic, logistic, -20, 20, 2, 3),  unary(Primitive::normal_cdf, normal_cdf, -40, 6, 1.4, 4),
    unary(Primitive::asinh, mpfr_asinh, -5, 5, 0.51, 3),  unary(Primitive::acosh, mpfr_acosh, 1, 5, 0.51, 3),
    unary(Primitive::atanh, mpfr_atanh, -1, 1, 0.51, 3),  unary(Primitive::erf, mpfr_erf, -4, 4, 1, 2),
    unary(Primitive::erfc, mpfr_erfc, -6, 28, 1.6, 4),    binary(Primitive::pow, mpfr_pow, 0, 20, 0.52, 1.2),
    binary(Primitive::atan2, mpfr_atan2, -5, 5, 0.51, 3), binary(Primitive::hypot, mpfr_hypot, -5, 5, 0.51, 2)};

template <typename T>
std::vector<T> edges() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> numbers = {0,
                            1,
                            Limits::denorm_min(),
                            3 * Limits::denorm_min(),
                            Limits::min(),
                            Limits::max(),
                            Limits::infinity(),
                            Limits::epsilon(),
                            Limits::epsilon() / 2};
  // Where something begins or ends: domains, overflow, underflow, branches of the implementation; 1e22 and
  // 6381956970095103 · 2⁷⁹⁷ are notorious for the reduction of angles (Muller, "Elementary Functions").
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
                         3.92,
                         5.9,
                         6.0,
                         9.19,
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
                         1e22,
                         1e30,
                         1e154,
                         1e200,
                         6381956970095103e93,
                         0x1.6ac5b262ca1ffp849,
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

template <typename T>
T random_bits(std::mt19937_64& engine) {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(engine() >> 32));
  } else {
    return std::bit_cast<double>(engine());
  }
}

template <typename T>
struct Arguments {
  std::vector<T> a, b;
  void add(double x, double y) { a.push_back(static_cast<T>(x)), b.push_back(static_cast<T>(y)); }
};

/// Edges, numbers evenly spread over [low, high], near the multiples of π/2, and of all magnitudes; for powers also
/// small whole exponents.
template <typename T>
Arguments<T> arguments(const Function& function, std::size_t count, std::uint32_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<double> uniform(function.low, function.high), exponents(-30, 30);
  std::uniform_int_distribution<int> multiples(-500000, 500000);
  Arguments<T> result;
  const std::vector<T> special = edges<T>();
  for (std::size_t i = 0; i < special.size(); ++i) {
    for (std::size_t j = 0; j < special.size(); ++j) {
      if (function.unary != nullptr ? j == 0 : i < 10 || j < 10 || (i + j) % 16 == 0)
        result.add(special[i], special[j]);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    result.add(uniform(engine), uniform(engine));
    result.add(multiples(engine) * 1.5707963267948966, uniform(engine));
    result.add(random_bits<T>(engine), random_bits<T>(engine));
    result.add(std::exp2(exponents(engine)) * uniform(engine), std::exp2(exponents(engine)) * uniform(engine));
    // Powers that neither overflow nor vanish, and such that nearly do.
    const double base = std::exp2(uniform(engine) * exponents(engine));
    result.add(base,
               0.7 * uniform(engine) / function.high * std::numeric_limits<T>::max_exponent / (std::log(base) + 1e-9));
    const double close = 1 + uniform(engine) * std::exp2(-std::abs(exponents(engine)));
    result.add(close, 0.71 * uniform(engine) / function.high * std::numeric_limits<T>::max_exponent /
                          (std::log(close) + 1e-300));
    result.add(std::exp2(exponents(engine)) * uniform(engine), static_cast<double>(i % 7) - 3);
  }
  return result;
}

/// One call of a primitive for arrays of arguments; `b` is ignored by functions of one argument.
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

/// |result − exact| in units of the last place of `exact` in T. Infinity counts as the power of two that follows the
/// largest number. A NaN on one side only, or the wrong sign, is an infinite error.
template <typename T>
double error_in_ulps(T result, mpfr_ptr exact) {
  using Limits = std::numeric_limits<T>;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (mpfr_nan_p(exact) != 0 || std::isnan(result)) {
    return (mpfr_nan_p(exact) != 0) == std::isnan(result) ? 0 : infinite;
  }
  if (std::signbit(result) != (mpfr_signbit(exact) != 0)) return infinite;
  Number beyond(1), difference(result);
  mpfr_mul_2si(beyond.get(), beyond.get(), Limits::max_exponent, MPFR_RNDN);
  if (mpfr_cmpabs(exact, beyond.get()) > 0) mpfr_copysign(exact, beyond.get(), exact, MPFR_RNDN);
  if (std::isinf(result)) mpfr_copysign(difference.get(), beyond.get(), difference.get(), MPFR_RNDN);
  const long exponent = mpfr_zero_p(exact) != 0 ? Limits::min_exponent : mpfr_get_exp(exact);
  mpfr_sub(difference.get(), difference.get(), exact, MPFR_RNDN);
  const long ulp = std::max<long>(exponent, Limits::min_exponent) - Limits::digits;
  mpfr_mul_2si(difference.get(), difference.get(), -ulp, MPFR_RNDN);
  return std::abs(mpfr_get_d(difference.get(), MPFR_RNDN));
}

/// Tries edges, and `count` numbers of each kind.
template <typename T>
Worst<T> measure(const Function& function, std::size_t count, std::uint32_t seed) {
  const auto [a, b] = arguments<T>(function, count, seed);
  const std::vector<T> result = compute(function.primitive, a, b);
  Worst<T> worst;
  Number x, y, exact;
  for (std::size_t i = 0; i < a.size(); ++i) {
    mpfr_set_d(x.get(), a[i], MPFR_RNDN);
    mpfr_set_d(y.get(), b[i], MPFR_RNDN);
    if (function.unary != nullptr) {
      function.unary(exact.get(), x.get(), MPFR_RNDN);
    } else {
      function.binary(exact.get(), x.get(), y.get(), MPFR_RNDN);
    }
    const double ulps = error_in_ulps(result[i], exact.get());
    if (!(ulps <= worst.ulps)) worst = {ulps, a[i], b[i], result[i]};
  }
  return worst;
}

}  // namespace wengert::kernels::accuracy
