// The error function on vectors of f64. Included once per instruction set; see math_exponential-inl.h.

#if defined(WENGERT_MATH_ERROR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_MATH_ERROR_INL_H_
#undef WENGERT_MATH_ERROR_INL_H_
#else
#define WENGERT_MATH_ERROR_INL_H_
#endif

#include <hwy/highway.h>

#include <wengert/autograd/kernels/math_coefficients.h>
#include <wengert/autograd/kernels/math_exponential-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::math {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// erfc a = m · 2ᵏ for a ≥ 0, as exp(−a²) times a polynomial over 1 + 2a. No digit is lost in the tail, because a² is
/// taken with twice the digits.
template <class V>
struct Tail {
  V m, k;
};
/// a² is given as the product b c.
template <typename T, class D, class V>
HWY_INLINE Tail<V> split_erfc(D d, V a, V b, V c) {
  const V centre = hn::Set(d, erfc_centre<T>);
  const V square = hn::Mul(b, c);
  const V low = sizeof(T) == 4 ? hn::Zero(d) : hn::Neg(product_error(d, b, c, square));
  const auto [tail, k] = split_exp<T>(d, hn::Neg(square), low);
  const V p = polynomial(d, hn::Div(hn::Sub(a, centre), hn::Add(a, centre)), erfc_scaled<T>);
  const V quotient = hn::Div(p, hn::MulAdd(hn::Set(d, 2.0), a, hn::Set(d, 1.0)));
  return {hn::MulAdd(quotient, tail, quotient), k};
}

/// By its own series up to ½ in magnitude: x + x P(x²).
template <typename T, class D, class V>
HWY_INLINE V inner_erf(D d, V x) {
  return hn::MulAdd(x, polynomial(d, hn::Mul(x, x), erf_tail<T>), x);
}

template <typename T, class D, class V>
HWY_INLINE V erfc(D d, V x) {
  const V a = hn::Abs(x);
  const V bounded = at_most(d, a, sizeof(T) == 4 ? 10.2 : 27.3);
  const auto [m, k] = split_erfc<T>(d, bounded, bounded, bounded);
  const V tail = scale<T>(d, m, k);
  const V outer = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(hn::Set(d, 2.0), tail), tail);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.5)), hn::Sub(hn::Set(d, 1.0), inner_erf<T>(d, x)), outer);
}

template <typename T, class D, class V>
HWY_INLINE V erf(D d, V x) {
  const V a = hn::Abs(x);
  const V bounded = at_most(d, a, 6);  // from there on erf is 1
  const auto [m, k] = split_erfc<T>(d, bounded, bounded, bounded);
  const V outer = hn::NegMulAdd(m, power_of_two(d, k), hn::Set(d, 1.0));
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.5)), inner_erf<T>(d, x), hn::CopySign(outer, x));
}

/// ½ erfc(−x/√2), with x²/2 from x itself: its digits hold where those of x/√2 are rounded.
template <typename T, class D, class V>
HWY_INLINE V normal_cdf(D d, V x) {
  const V half = hn::Set(d, 0.5);
  const V b = at_most(d, hn::Abs(x), sizeof(T) == 4 ? 14.4 : 38.6);
  const V a = hn::Mul(b, hn::Set(d, 0x1.6a09e667f3bcdp-1));
  const auto [m, k] = split_erfc<T>(d, a, b, hn::Mul(b, half));
  const V tail = scale<T>(d, hn::Mul(m, half), k);
  const V outer = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0), tail));
  const V inner = hn::MulAdd(half, inner_erf<T>(d, hn::CopySign(a, x)), half);
  return hn::IfThenElse(hn::Lt(a, half), inner, outer);
}

}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels::math
HWY_AFTER_NAMESPACE();

#endif
