// Exponentials, logarithms and the hyperbolic functions on vectors of f64. Included once per instruction set.
//
// All functions of the math headers are templates on T, float or double: what the result will be rounded to. f32 is
// computed in f64 too, with shorter polynomials, so that its results are all but correctly rounded.

#include <cstddef>
#include <limits>
#include <tuple>

#if defined(WENGERT_MATH_EXPONENTIAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_MATH_EXPONENTIAL_INL_H_
#undef WENGERT_MATH_EXPONENTIAL_INL_H_
#else
#define WENGERT_MATH_EXPONENTIAL_INL_H_
#endif

#include <hwy/highway.h>

#include <wengert/autograd/kernels/math_coefficients.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// ln 2 in two parts, of which the first times an exponent is exact (32 bits).
inline constexpr double ln2 = 0x1.62e42fefa39efp-1;
inline constexpr double ln2_high = 0x1.62e42fee00000p-1;
inline constexpr double ln2_low = 0x1.a39ef35793c76p-33;

// Added to a number below 2⁵¹, it leaves its nearest integer in the last bits of the sum.
inline constexpr double rounding_shift = 0x1.8p52;

/// Horner's rule.
template <std::size_t I = 0, class D, class V, class Coefficients>
HWY_INLINE V polynomial(D d, V x, const Coefficients& coefficients) {
  const V coefficient = hn::Set(d, coefficients[I]);
  if constexpr (I + 1 == std::tuple_size_v<Coefficients>) {
    return coefficient;
  } else {
    return hn::MulAdd(polynomial<I + 1>(d, x, coefficients), x, coefficient);
  }
}

/// a · b − product, exactly, for `product` = a · b rounded (Dekker's product where there is no fused instruction).
template <class D, class V>
HWY_INLINE V product_error(D d, V a, V b, V product) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::MulSub(a, b, product);
#else
  const hn::RebindToUnsigned<D> du;
  const auto upper_half = hn::Set(du, 0xFFFFFFFFF8000000);
  const V a_high = hn::BitCast(d, hn::And(hn::BitCast(du, a), upper_half));
  const V b_high = hn::BitCast(d, hn::And(hn::BitCast(du, b), upper_half));
  const V a_low = hn::Sub(a, a_high);
  const V b_low = hn::Sub(b, b_high);
  const V cross = hn::Add(hn::Mul(a_high, b_low), hn::Mul(a_low, b_high));
  return hn::Add(hn::Add(hn::Sub(hn::Mul(a_high, b_high), product), cross), hn::Mul(a_low, b_low));
#endif
}

// Whether of two numbers the minimum and the maximum are NaN where the second is: on x86 they are the second then, on
// Arm NaN in any case.
inline constexpr bool extremes_pass_nan =
    (HWY_ARCH_X86 || HWY_ARCH_ARM) && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128;

// Bounds that let NaN through.
template <class D, class V>
HWY_INLINE V at_most(D d, V x, hn::TFromD<D> bound) {
  const V limit = hn::Set(d, bound);
  if constexpr (extremes_pass_nan) return hn::Min(limit, x);
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
}
template <class D, class V>
HWY_INLINE V at_least(D d, V x, hn::TFromD<D> bound) {
  const V limit = hn::Set(d, bound);
  if constexpr (extremes_pass_nan) return hn::Max(limit, x);
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
}

/// 2ᵏ for an integer −1022 ≤ k ≤ 1023.
template <class D, class V>
HWY_INLINE V power_of_two(D d, V k) {
  const hn::RebindToUnsigned<D> du;
  const V shifted = hn::Add(k, hn::Set(d, rounding_shift + 1023));
  return hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(du, shifted)));
}

/// x · 2ᵏ rounded once, also where the result is subnormal in T; |k| < 2000 for double, < 1000 for float.
template <typename T, class D, class V>
HWY_INLINE V scale(D d, V x, V k) {
  if constexpr (sizeof(T) == 4) return hn::Mul(x, power_of_two(d, k));
  const V shift = hn::Set(d, rounding_shift);
  const V half = hn::Sub(hn::MulAdd(k, hn::Set(d, 0.5), shift), shift);
  return hn::Mul(hn::Mul(x, power_of_two(d, half)), power_of_two(d, hn::Sub(k, half)));
}

/// eˣ = (1 + tail) · 2ᵏ with |tail| < ½.
template <class V>
struct Exponential {
  V tail, k;
};

/// Of x + low, where `low` is a correction far below x.
template <typename T, class D, class V>
HWY_INLINE Exponential<V> split_exp(D d, V x, V low) {
  const V shift = hn::Set(d, rounding_shift);
  const V k = hn::Sub(hn::MulAdd(x, hn::Set(d, 0x1.71547652b82fep0), shift), shift);  // x / ln 2
  const V r = hn::Add(hn::NegMulAdd(k, hn::Set(d, ln2_low), hn::NegMulAdd(k, hn::Set(d, ln2_high), x)), low);
  return {hn::MulAdd(hn::Mul(r, r), polynomial(d, r, exp_tail<T>), r), k};
}

template <typename T, class D, class V>
HWY_INLINE V exp(D d, V x) {
  const V one = hn::Set(d, 1.0);
  if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 708.0))))) {  // the same, where no result is extreme
    const auto [tail, k] = split_exp<T>(d, x, hn::Zero(d));
    return hn::Mul(hn::Add(one, tail), power_of_two(d, k));
  }
  const auto [tail, k] = split_exp<T>(d, at_least(d, at_most(d, x, 710), -746), hn::Zero(d));
  // Of what is too small for any number 0 is made, as a product that is would take long (math_narrow-inl.h).
  return scale<double>(d, hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -745.2)), hn::Add(one, tail)), k);
}

/// (eˣ − 1) / 4 for x ≥ −40; does not overflow before sinh does.
template <typename T, class D, class V>
HWY_INLINE V quarter_expm1(D d, V x) {
  const auto [tail, k] = split_exp<T>(d, at_most(d, x, 710.5), hn::Zero(d));
  const V power = power_of_two(d, hn::Sub(k, hn::Set(d, 2.0)));
  return hn::MulAdd(tail, power, hn::Sub(power, hn::Set(d, 0.25)));
}

/// `value` = f(x), where f(x) = x + O(x²): that is x itself where x is tiny, down to the last subnormal digit and −0.
template <class D, class V>
HWY_INLINE V unless_tiny(D d, V value, V x) {
  return hn::IfThenElse(hn::Lt(hn::Abs(x), hn::Set(d, 0x1p-54)), x, value);
}

template <typename T, class D, class V>
HWY_INLINE V expm1(D d, V x) {
  return unless_tiny(d, hn::Mul(quarter_expm1<T>(d, at_least(d, x, -40)), hn::Set(d, 4.0)), x);
}

/// (eˣ − 1) / (eˣ + 1) at 2|x|.
template <typename T, class D, class V>
HWY_INLINE V tanh(D d, V x) {
  const V q = quarter_expm1<T>(d, at_most(d, hn::Abs(hn::Add(x, x)), 40));
  return unless_tiny(d, hn::CopySign(hn::Div(q, hn::Add(q, hn::Set(d, 0.5))), x), x);
}

/// From e^−|x|, so that neither tail overflows or loses digits.
template <typename T, class D, class V>
HWY_INLINE V logistic(D d, V x) {
  const V one = hn::Set(d, 1.0);
  const V e = exp<T>(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

/// With E = eˣ − 1: (E + E / (E + 1)) / 2 at |x|.
template <typename T, class D, class V>
HWY_INLINE V sinh(D d, V x) {
  const V q = quarter_expm1<T>(d, hn::Abs(x));
  const V half = hn::Add(q, q);
  return unless_tiny(d, hn::CopySign(hn::Add(half, hn::Div(q, hn::Add(half, hn::Set(d, 0.5)))), x), x);
}

/// (eˣ + e⁻ˣ) / 2 at |x|, from eˣ/4.
template <typename T, class D, class V>
HWY_INLINE V cosh(D d, V x) {
  const auto [tail, k] = split_exp<T>(d, at_most(d, hn::Abs(x), 710.5), hn::Zero(d));
  const V power = power_of_two(d, hn::Sub(k, hn::Set(d, 2.0)));
  const V quarter = hn::MulAdd(tail, power, power);
  return hn::Add(hn::Add(quarter, quarter), hn::Div(hn::Set(d, 0.125), quarter));
}

/// x = 2ᵏ m with √½ ≤ m < √2, for 0 < x < ∞.
template <class V>
struct Scaled {
  V m, k;
};
template <typename T, class D, class V>
HWY_INLINE Scaled<V> split_exponent(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  V bias = hn::Set(d, 0x1p52 + 1023);
  if constexpr (sizeof(T) == 8) {
    const auto subnormal = hn::Lt(x, hn::Set(d, 0x1p-1022));
    x = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, 0x1p54)), x);
    bias = hn::IfThenElse(subnormal, hn::Set(d, 0x1p52 + 1023 + 54), bias);
  }
  const auto sqrt_half = hn::Set(du, 0x3FE6A09E667F3BCD);
  const auto offset = hn::Sub(hn::Set(du, 0x3FF0000000000000), sqrt_half);
  const auto bits = hn::Add(hn::BitCast(du, x), offset);
  const auto exponent = hn::Or(hn::ShiftRight<52>(bits), hn::Set(du, 0x4330000000000000));  // 2⁵² + exponent
  const V m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(du, 0x000FFFFFFFFFFFFF)), sqrt_half));
  return {m, hn::Sub(hn::BitCast(d, exponent), bias)};
}

/// ln x + correction for 0 < x < ∞, where `correction` is far below 1. As in fdlibm (Sun Microsystems, 1993): x = 2ᵏ m
/// with m = 1 + f, s = f / (2 + f), and ln(1 + f) = 2 artanh s = f − (f²/2 − s (f²/2 + s² P(s²))).
template <typename T, class D, class V>
HWY_INLINE V log_positive(D d, V x, V correction) {
  const auto [m, k] = split_exponent<T>(d, x);
  const V f = hn::Sub(m, hn::Set(d, 1.0));
  const V s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0)));
  const V z = hn::Mul(s, s);
  const V half_square = hn::Mul(hn::Mul(f, hn::Set(d, 0.5)), f);
  const V small = hn::MulAdd(k, hn::Set(d, ln2_low), correction);
  const V sum = hn::MulAdd(z, polynomial(d, z, artanh_tail<T>), half_square);
  const V rest = hn::Sub(hn::Sub(half_square, hn::MulAdd(s, sum, small)), f);
  return hn::MulSub(k, hn::Set(d, ln2_high), rest);
}

/// `value` = f(x) where x > pole; at the pole −∞, below it NaN; ∞ and NaN as they are.
template <class D, class V>
HWY_INLINE V with_logarithmic_pole(D d, V value, V x, hn::TFromD<D> pole) {
  using Limits = std::numeric_limits<hn::TFromD<D>>;
  value = hn::IfThenElse(hn::Lt(x, hn::Set(d, Limits::infinity())), value, x);
  value = hn::IfThenElse(hn::Eq(x, hn::Set(d, pole)), hn::Set(d, -Limits::infinity()), value);
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, pole)), hn::Set(d, Limits::quiet_NaN()), value);
}

template <typename T, class D, class V>
HWY_INLINE V log(D d, V x) {
  return with_logarithmic_pole(d, log_positive<T>(d, x, hn::Zero(d)), x, 0);
}

/// ln(1 + x) from the rounded sum u = 1 + x and its rounding error e: ln u + e/u.
template <typename T, class D, class V>
HWY_INLINE V log1p(D d, V x) {
  const V one = hn::Set(d, 1.0);
  const V u = hn::Add(x, one);
  const V v = hn::Sub(u, one);
  const V error = hn::Add(hn::Sub(x, v), hn::Sub(one, hn::Sub(u, v)));
  const V value = hn::CopySign(log_positive<T>(d, u, hn::Div(error, u)), x);
  return with_logarithmic_pole(d, value, x, -1);
}

// Beyond it 1/x does not count beside ln x, and x² would at last overflow.
inline constexpr double large = 0x1p60;

/// ln(x + √(x² + 1)) = log1p(x + x² / (1 + √(x² + 1))) at |x|.
template <typename T, class D, class V>
HWY_INLINE V asinh(D d, V x) {
  const V one = hn::Set(d, 1.0);
  const V a = hn::Abs(x);
  const auto is_large = hn::Gt(a, hn::Set(d, large));
  const V square = hn::Mul(a, a);
  const V argument = hn::Add(a, hn::Div(square, hn::Add(one, hn::Sqrt(hn::Add(square, one)))));
  const V value = log1p<T>(d, hn::IfThenElse(is_large, a, argument));
  return hn::CopySign(hn::Add(value, hn::IfThenElseZero(is_large, hn::Set(d, ln2))), x);
}

/// With t = x − 1: ln(x + √(x² − 1)) = log1p(t + √(2t + t²)).
template <typename T, class D, class V>
HWY_INLINE V acosh(D d, V x) {
  const V t = hn::Sub(x, hn::Set(d, 1.0));
  const auto is_large = hn::Gt(x, hn::Set(d, large));
  const V argument = hn::Add(t, hn::Sqrt(hn::MulAdd(t, t, hn::Add(t, t))));
  const V value = log1p<T>(d, hn::IfThenElse(is_large, x, argument));
  const V sum = hn::Add(value, hn::IfThenElseZero(is_large, hn::Set(d, ln2)));
  return hn::IfThenElse(hn::Lt(t, hn::Zero(d)), hn::Set(d, not_a_number), sum);
}

/// ½ ln((1 + x) / (1 − x)) = ½ log1p(2x / (1 − x)) at |x|.
template <typename T, class D, class V>
HWY_INLINE V atanh(D d, V x) {
  const V a = hn::Abs(x);
  const V argument = hn::Div(hn::Add(a, a), hn::Sub(hn::Set(d, 1.0), a));
  return hn::CopySign(hn::Mul(hn::Set(d, 0.5), log1p<T>(d, argument)), x);
}

}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels::math
HWY_AFTER_NAMESPACE();

#endif
