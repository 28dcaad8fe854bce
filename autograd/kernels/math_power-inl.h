// Powers on vectors of f64. Included once per instruction set; see math_exponential-inl.h.

#if defined(WENGERT_MATH_POWER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_MATH_POWER_INL_H_
#undef WENGERT_MATH_POWER_INL_H_
#else
#define WENGERT_MATH_POWER_INL_H_
#endif

#include <hwy/highway.h>

#include <wengert/autograd/kernels/math_coefficients.h>
#include <wengert/autograd/kernels/math_exponential-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A number in two parts, the second below the last digit of the first.
template <class V>
struct Pair {
  V high, low;
};

/// a + b + low for |a| ≥ |b| or a = 0 (Dekker's Fast2Sum).
template <class V>
HWY_INLINE Pair<V> add_smaller(V a, V b, V low) {
  const V sum = hn::Add(a, b);
  return {sum, hn::Add(hn::Sub(b, hn::Sub(sum, a)), low)};
}

template <class D, class V>
HWY_INLINE Pair<V> multiply(D d, const Pair<V>& a, const Pair<V>& b) {
  const V product = hn::Mul(a.high, b.high);
  const V cross = hn::MulAdd(a.high, b.low, hn::Mul(a.low, b.high));
  return {product, hn::Add(product_error(d, a.high, b.high, product), cross)};
}

/// ln x for 0 < x < ∞ to 64 bits: as `log_positive`, with the terms that count in two parts.
template <class D, class V>
HWY_INLINE Pair<V> long_log(D d, V x) {
  const auto [m, k] = split_exponent<double>(d, x);
  const V two = hn::Set(d, 2.0);
  const V f = hn::Sub(m, hn::Set(d, 1.0));

  // s = f / (2 + f)
  const auto denominator = add_smaller(two, f, hn::Zero(d));
  const V quotient = hn::Div(f, denominator.high);
  const V product = hn::Mul(quotient, denominator.high);
  const V remainder = hn::Sub(hn::Sub(f, product), product_error(d, quotient, denominator.high, product));
  const Pair<V> s = {quotient, hn::Div(hn::NegMulAdd(quotient, denominator.low, remainder), denominator.high)};

  // 2 artanh s = 2s + s³ (2/3 + s² P(s²))
  const auto z = multiply(d, s, s);
  const V small = hn::Mul(z.high, polynomial(d, z.high, artanh_long_tail));
  const auto factor = add_smaller(hn::Set(d, 0x1.5555555555555p-1), small, hn::Set(d, 0x1.5555555555555p-55));
  const auto tail = multiply(d, multiply(d, z, factor), s);
  const auto sum = add_smaller(hn::Add(s.high, s.high), tail.high, hn::MulAdd(two, s.low, tail.low));

  // + k ln 2
  const V low = hn::MulAdd(k, hn::Set(d, ln2_low), sum.low);
  const auto result = add_smaller(hn::Mul(k, hn::Set(d, ln2_high)), sum.high, low);
  return add_smaller(result.high, result.low, hn::Zero(d));
}

/// e^(y ln a) for a > 0.
template <typename T, class D, class V>
HWY_INLINE V positive_power(D d, V a, V y) {
  if constexpr (sizeof(T) == 4) {  // f64 has digits enough
    return exp<T>(d, hn::Mul(y, log_positive<T>(d, a, hn::Zero(d))));
  } else {
    const auto logarithm = long_log(d, a);
    const V high = hn::Mul(y, logarithm.high);
    const V low = hn::MulAdd(y, logarithm.low, product_error(d, y, logarithm.high, high));
    const auto is_extreme = hn::Not(hn::Lt(hn::Abs(high), hn::Set(d, 800.0)));  // and `low` perhaps not a number
    const V bounded = at_least(d, at_most(d, high, 710), -746);
    const auto [tail, k] = split_exp<T>(d, bounded, hn::IfThenZeroElse(is_extreme, low));
    return scale<T>(d, hn::Add(hn::Set(d, 1.0), tail), k);
  }
}

/// xʸ with the special cases of IEEE 754: x⁰ = 1ʸ = 1 also for NaN, (−1)^±∞ = 1, negative x only to integer powers.
/// Squares and cubes, as which most powers are written, are products, whatever stands beside them.
template <typename T, class D, class V>
HWY_INLINE V pow(D d, V x, V y) {
  const auto is_square = hn::Eq(y, hn::Set(d, 2.0));
  const auto is_product = hn::Or(is_square, hn::Eq(y, hn::Set(d, 3.0)));
  const V product = hn::Mul(hn::Mul(x, x), hn::IfThenElse(is_square, hn::Set(d, 1.0), x));
  if (hn::AllTrue(d, is_product)) return product;

  const V zero = hn::Zero(d);
  const V one = hn::Set(d, 1.0);
  const V huge = hn::Set(d, infinity);
  const V a = hn::Abs(x);

  // 0, ∞ and what is finite, to the power of ±∞.
  const auto is_limit = hn::Or(hn::Or(hn::Eq(a, zero), hn::Eq(a, huge)), hn::Eq(hn::Abs(y), huge));
  const auto grows = hn::Not(hn::Xor(hn::Gt(a, one), hn::Gt(y, zero)));
  V value = positive_power<T>(d, hn::IfThenElse(is_limit, one, a), y);
  value = hn::IfThenElse(is_limit, hn::IfThenElseZero(grows, huge), value);

  const auto is_integer = hn::Eq(hn::Round(y), y);
  const V half = hn::Mul(y, hn::Set(d, 0.5));
  const auto is_odd = hn::AndNot(hn::Eq(hn::Round(half), half), is_integer);
  const auto is_signed = hn::Lt(hn::CopySign(one, x), zero);
  value = hn::IfThenElse(hn::And(is_signed, is_odd), hn::Neg(value), value);
  const auto is_undefined = hn::And(hn::And(hn::Lt(x, zero), hn::Gt(x, hn::Neg(huge))), hn::Not(is_integer));
  value = hn::IfThenElse(is_undefined, hn::Set(d, not_a_number), value);

  value = hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::IsNaN(y)), hn::Set(d, not_a_number), value);
  const auto is_one = hn::Or(hn::Eq(y, zero), hn::Eq(x, one));
  const auto is_minus_one = hn::And(hn::Eq(a, one), hn::Eq(hn::Abs(y), huge));
  value = hn::IfThenElse(hn::Or(is_one, is_minus_one), one, value);
  return hn::IfThenElse(is_product, product, value);
}

}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels::math
HWY_AFTER_NAMESPACE();

#endif
