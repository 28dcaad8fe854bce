// Trigonometric functions, their inverses and hypot on vectors of f64. Included once per instruction set; see
// math_exponential-inl.h.

#include <cmath>
#include <cstddef>
#include <cstdint>

#if defined(WENGERT_MATH_TRIGONOMETRIC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_MATH_TRIGONOMETRIC_INL_H_
#undef WENGERT_MATH_TRIGONOMETRIC_INL_H_
#else
#define WENGERT_MATH_TRIGONOMETRIC_INL_H_
#endif

#include <hwy/highway.h>

#include <wengert/autograd/kernels/large_angle.h>
#include <wengert/autograd/kernels/math_coefficients.h>
#include <wengert/autograd/kernels/math_exponential-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// π/2 in four parts (Cody and Waite): the first three have 33 bits, so that their products with n < 2²⁰ are exact.
inline constexpr double half_pi_1 = 0x1.921fb54400000p0;
inline constexpr double half_pi_2 = 0x1.0b4611a600000p-34;
inline constexpr double half_pi_3 = 0x1.3198a2e000000p-69;
inline constexpr double half_pi_4 = 0x1.b839a252049c1p-104;

// π/2 and π rounded, and what is missing.
inline constexpr double half_pi = 0x1.921fb54442d18p0;
inline constexpr double half_pi_low = 0x1.1a62633145c07p-54;

// Up to here n < 2²⁰; larger arguments are reduced one by one.
inline constexpr double largest_reduced = 0x1p20;

/// An angle x = n π/2 + (r + low), |r| ≤ π/4; the last bits of `quadrant` are those of n.
template <class V, class VU>
struct Angle {
  V r, low;
  VU quadrant;
};

/// a − b rounded, and the rounding error (Knuth's TwoSum).
template <class V>
struct Difference {
  V value, error;
};
template <class V>
HWY_INLINE Difference<V> subtract(V a, V b) {
  const V value = hn::Sub(a, b);
  const V v = hn::Sub(value, a);
  return {value, hn::Sub(hn::Sub(a, hn::Sub(value, v)), hn::Add(b, v))};
}

/// `angle`, with the lanes in which x is large (and finite; infinity has made NaN) reduced anew.
template <class D, class V, class VU>
HWY_INLINE Angle<V, VU> with_large_angles(D d, V x, Angle<V, VU> angle) {
  if (HWY_LIKELY(hn::AllFalse(d, hn::Gt(hn::Abs(x), hn::Set(d, largest_reduced))))) return angle;
  const hn::RebindToUnsigned<D> du;
  constexpr std::size_t n = hn::MaxLanes(D());
  HWY_ALIGN double lanes[n], r[n], low[n];
  HWY_ALIGN std::uint64_t quadrant[n];
  hn::Store(x, d, lanes);
  hn::Store(angle.r, d, r);
  hn::Store(angle.low, d, low);
  hn::Store(angle.quadrant, du, quadrant);
  reduce_large_angles(lanes, n, largest_reduced, r, low, quadrant);
  return {hn::Load(d, r), hn::Load(d, low), hn::Load(du, quadrant)};
}

template <typename T, class D, class V>
HWY_INLINE auto reduce_angle(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const V shift = hn::Set(d, rounding_shift);
  const V shifted = hn::MulAdd(x, hn::Set(d, 0x1.45f306dc9c883p-1), shift);  // x · 2/π
  const V n = hn::Sub(shifted, shift);
  const auto quadrant = hn::BitCast(du, shifted);
  const V first = hn::NegMulAdd(n, hn::Set(d, half_pi_1), x);
  if constexpr (sizeof(T) == 4) {
    // f32 numbers stay so far from the multiples of π/2 that rounding errors here do not count.
    const V r = hn::NegMulAdd(n, hn::Set(d, half_pi_3), hn::NegMulAdd(n, hn::Set(d, half_pi_2), first));
    return with_large_angles(d, x, Angle<V, decltype(quadrant)>{r, hn::Zero(d), quadrant});
  } else {
    const auto second = subtract(first, hn::Mul(n, hn::Set(d, half_pi_2)));
    const auto third = subtract(second.value, hn::Mul(n, hn::Set(d, half_pi_3)));
    const V rest = hn::NegMulAdd(n, hn::Set(d, half_pi_4), hn::Add(second.error, third.error));
    const V r = hn::Add(third.value, rest);
    const V low = hn::Add(hn::Sub(third.value, r), rest);
    return with_large_angles(d, x, Angle<V, decltype(quadrant)>{r, low, quadrant});
  }
}

/// sin(r + low) = r + (r³ P(r²) + low (1 − r²/2)).
template <typename T, class D, class A>
HWY_INLINE auto sin_reduced(D d, const A& angle) {
  const auto z = hn::Mul(angle.r, angle.r);
  const auto tail = hn::Mul(hn::Mul(z, angle.r), polynomial(d, z, sin_tail<T>));
  const auto low = hn::NegMulAdd(hn::Mul(hn::Set(d, 0.5), z), angle.low, angle.low);
  return hn::Add(angle.r, hn::Add(tail, low));
}

/// cos(r + low) = w + ((1 − w − r²/2) + (r⁴ P(r²) − r low)) with w = 1 − r²/2 rounded.
template <typename T, class D, class A>
HWY_INLINE auto cos_reduced(D d, const A& angle) {
  const auto one = hn::Set(d, 1.0);
  const auto z = hn::Mul(angle.r, angle.r);
  const auto half = hn::Mul(hn::Set(d, 0.5), z);
  const auto w = hn::Sub(one, half);
  const auto tail = hn::MulSub(hn::Mul(z, z), polynomial(d, z, cos_tail<T>), hn::Mul(angle.r, angle.low));
  return hn::Add(w, hn::Add(hn::Sub(hn::Sub(one, w), half), tail));
}

template <class D, class VU>
HWY_INLINE auto is_odd(D d, VU quadrant) {
  const hn::RebindToUnsigned<D> du;
  return hn::MaskFromVec(hn::BitCast(d, hn::Sub(hn::Zero(du), hn::And(quadrant, hn::Set(du, 1)))));
}

/// sin(x + advance · π/2).
template <typename T, class D, class V>
HWY_INLINE V sin_advanced(D d, V x, std::uint64_t advance) {
  const hn::RebindToUnsigned<D> du;
  const auto angle = reduce_angle<T>(d, x);
  const auto quadrant = hn::Add(angle.quadrant, hn::Set(du, advance));
  const V value = hn::IfThenElse(is_odd(d, quadrant), cos_reduced<T>(d, angle), sin_reduced<T>(d, angle));
  const auto sign = hn::ShiftLeft<62>(hn::And(quadrant, hn::Set(du, 2)));
  return hn::Xor(value, hn::BitCast(d, sign));
}

template <typename T, class D, class V>
HWY_INLINE V sin(D d, V x) {
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, sin_advanced<T>(d, x, 0));
}

template <typename T, class D, class V>
HWY_INLINE V cos(D d, V x) {
  return sin_advanced<T>(d, x, 1);
}

template <typename T, class D, class V>
HWY_INLINE V tan(D d, V x) {
  const auto angle = reduce_angle<T>(d, x);
  const auto odd = is_odd(d, angle.quadrant);
  const V s = sin_reduced<T>(d, angle);
  const V c = cos_reduced<T>(d, angle);
  const V quotient = hn::Div(hn::IfThenElse(odd, hn::Neg(c), s), hn::IfThenElse(odd, s, c));
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, quotient);
}

/// arctan a = base + arctan s for a ≥ 0, where s is a, (a − 1) / (a + 1) or −1/a and base 0, π/4 or π/2, so that
/// |s| ≤ tan(π/8) (as in Cephes, Moshier 1989).
template <typename T, class D, class V>
HWY_INLINE V atan_positive(D d, V a) {
  const V one = hn::Set(d, 1.0);
  const auto middle = hn::Gt(a, hn::Set(d, 0x1.a827999fcef32p-2));  // tan(π/8)
  const auto upper = hn::Gt(a, hn::Set(d, 0x1.3504f333f9de6p1));    // tan(3π/8)
  const V numerator = hn::IfThenElse(upper, hn::Neg(one), hn::IfThenElse(middle, hn::Sub(a, one), a));
  const V denominator = hn::IfThenElse(upper, a, hn::IfThenElse(middle, hn::Add(a, one), one));
  const V part = hn::IfThenElse(upper, one, hn::IfThenElseZero(middle, hn::Set(d, 0.5)));  // base / (π/2)
  const V s = hn::Div(numerator, denominator);
  const V z = hn::Mul(s, s);
  const V low = hn::Mul(part, hn::Set(d, half_pi_low));
  const V tail = hn::MulAdd(hn::Mul(z, s), polynomial(d, z, arctan_tail<T>), low);
  return hn::MulAdd(part, hn::Set(d, half_pi), hn::Add(s, tail));
}

template <typename T, class D, class V>
HWY_INLINE V atan(D d, V x) {
  return hn::CopySign(atan_positive<T>(d, hn::Abs(x)), x);
}

/// The angle of |y| / |x|, mirrored to the left half plane where x is negative (−0 too), with the sign of y. Both zero
/// count as the quotient 0, both infinite as 1.
template <typename T, class D, class V>
HWY_INLINE V atan2(D d, V y, V x) {
  const V ay = hn::Abs(y);
  const V ax = hn::Abs(x);
  const auto is_diagonal = hn::And(hn::Eq(ay, hn::Set(d, infinity)), hn::Eq(ax, hn::Set(d, infinity)));
  const auto is_zero = hn::Eq(ay, hn::Zero(d));
  V quotient = hn::IfThenElse(is_diagonal, hn::Set(d, 1.0), hn::Div(ay, ax));
  quotient = hn::IfThenElse(is_zero, hn::IfThenElse(hn::IsNaN(x), x, ay), quotient);
  const V angle = atan_positive<T>(d, quotient);
  const V mirrored = hn::Sub(hn::Set(d, 2 * half_pi), hn::Sub(angle, hn::Set(d, 2 * half_pi_low)));
  const auto is_left = hn::Lt(hn::CopySign(hn::Set(d, 1.0), x), hn::Zero(d));
  return hn::CopySign(hn::IfThenElse(is_left, mirrored, angle), y);
}

/// With a = |x|, on a > ½: arccos a = 2 arcsin s, s = √((1 − a) / 2). Gives s or x, whichever is to be used, and the
/// tail of its arcsine.
template <class V, class M>
struct Arcsine {
  M is_outer;
  V s, tail;
};
template <typename T, class D, class V>
HWY_INLINE auto split_arcsine(D d, V x) {
  const V a = hn::Abs(x);
  const auto is_outer = hn::Gt(a, hn::Set(d, 0.5));
  const V outer_square = hn::Mul(hn::Sub(hn::Set(d, 1.0), a), hn::Set(d, 0.5));
  const V z = hn::IfThenElse(is_outer, outer_square, hn::Mul(a, a));
  const V s = hn::IfThenElse(is_outer, hn::Sqrt(outer_square), a);
  return Arcsine<V, decltype(is_outer)>{is_outer, s, hn::Mul(hn::Mul(s, z), polynomial(d, z, arcsin_tail<T>))};
}

/// arcsin x = π/2 − arccos x in the outer part.
template <typename T, class D, class V>
HWY_INLINE V asin(D d, V x) {
  const auto [is_outer, s, tail] = split_arcsine<T>(d, x);
  const V inner = hn::Add(s, tail);
  // 2s is taken off a half of π/2 first, which is exact enough for the rest to keep its digits.
  const V quarter_pi = hn::Set(d, half_pi / 2);
  const V rest = hn::Sub(hn::Add(tail, tail), hn::Set(d, half_pi_low));
  const V outer = hn::Add(quarter_pi, hn::Sub(hn::Sub(quarter_pi, hn::Add(s, s)), rest));
  return hn::CopySign(hn::IfThenElse(is_outer, outer, inner), x);
}

template <typename T, class D, class V>
HWY_INLINE V acos(D d, V x) {
  const auto [is_outer, s, tail] = split_arcsine<T>(d, x);
  const V inner = hn::Sub(hn::Set(d, half_pi), hn::CopySign(hn::Add(s, hn::Sub(tail, hn::Set(d, half_pi_low))), x));
  const V twice = hn::Mul(hn::Set(d, 2.0), hn::Add(s, tail));
  const V mirrored = hn::Sub(hn::Set(d, 2 * half_pi), hn::Sub(twice, hn::Set(d, 2 * half_pi_low)));
  return hn::IfThenElse(is_outer, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), mirrored, twice), inner);
}

/// √(x² + y²), scaled by a power of two where a square would overflow or lose digits.
template <typename T, class D, class V>
HWY_INLINE V hypot(D d, V x, V y) {
  x = hn::Abs(x);
  y = hn::Abs(y);
  V factor = hn::Set(d, 1.0);
  V inverse = factor;
  if constexpr (sizeof(T) == 8) {
    const auto is_huge = hn::Or(hn::Gt(x, hn::Set(d, 0x1p500)), hn::Gt(y, hn::Set(d, 0x1p500)));
    const auto is_tiny = hn::And(hn::Lt(x, hn::Set(d, 0x1p-450)), hn::Lt(y, hn::Set(d, 0x1p-450)));
    factor = hn::IfThenElse(is_huge, hn::Set(d, 0x1p-600), hn::IfThenElse(is_tiny, hn::Set(d, 0x1p600), factor));
    inverse = hn::IfThenElse(is_huge, hn::Set(d, 0x1p600), hn::IfThenElse(is_tiny, hn::Set(d, 0x1p-600), inverse));
  }
  const V a = hn::Mul(x, factor);
  const V b = hn::Mul(y, factor);
  const V root = hn::Mul(hn::Sqrt(hn::MulAdd(a, a, hn::Mul(b, b))), inverse);
  const auto is_infinite = hn::Or(hn::Eq(x, hn::Set(d, infinity)), hn::Eq(y, hn::Set(d, infinity)));
  return hn::IfThenElse(is_infinite, hn::Set(d, infinity), root);
}

}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels::math
HWY_AFTER_NAMESPACE();

#endif
