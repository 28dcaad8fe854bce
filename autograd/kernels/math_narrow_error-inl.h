// The error function and its kin on vectors of f32: see math_narrow-inl.h. Included once per instruction set.

#if defined(WENGERT_MATH_NARROW_ERROR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_MATH_NARROW_ERROR_INL_H_
#undef WENGERT_MATH_NARROW_ERROR_INL_H_
#else
#define WENGERT_MATH_NARROW_ERROR_INL_H_
#endif

#include <cstddef>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/math_coefficients.h>
#include <wengert/autograd/kernels/math_narrow-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::math {
namespace HWY_NAMESPACE {
namespace narrow {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_NATIVE_FMA

/// Where erf is computed by its own series, x + x P(x²).
inline constexpr float erf_border = 0.92F;
template <class D, class V>
HWY_INLINE V inner_erf(D d, V x) {
  return hn::MulAdd(x, polynomial(d, hn::Mul(x, x), math::narrow::erf_tail), x);
}

/// Beyond it as 1 − e^Q(|x|), Q ≈ ln erfc.
template <class D, class V>
HWY_INLINE V erf(D d, V x) {
  const V a = at_most(d, hn::Abs(x), 3.95F);
  const auto [r, rest, k] = split_exp(d, polynomial(d, a, math::narrow::log_erfc), hn::Zero(d));
  const V power = power_of_two(d, k);
  const V outer = hn::NegMulAdd(power, hn::Add(r, rest), hn::Sub(hn::Set(d, 1.0F), power));
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, erf_border)), inner_erf(d, x), hn::CopySign(outer, x));
}

/// m, where erfc a = m · 2ᵏ as in f64: exp(−a²) P / (1 + 2a), P a polynomial in t = (a − 2) / (a + 2). What the
/// numerator, the denominator and the quotient lost by rounding is put back.
template <class D, class V>
HWY_INLINE V scaled_erfc(D d, V a, const Exponential<V>& exponential) {
  const V r = exponential.r, rest = exponential.rest;
  const V one = hn::Set(d, 1.0F);
  const V two = hn::Set(d, 2.0F);
  const V t = hn::Div(hn::Sub(a, two), hn::Add(a, two));
  const V first = hn::Set(d, math::narrow::erfc_scaled[0]);
  const V others = polynomial<1>(d, t, math::narrow::erfc_scaled);
  const V p = hn::MulAdd(t, others, first);
  const V p_lost = hn::MulAdd(t, others, hn::Sub(first, p));
  const V twice = hn::Add(a, a);
  const V denominator = hn::Add(twice, one);
  const V denominator_lost = hn::Add(hn::Sub(twice, denominator), one);

  const V inverse = hn::Div(one, denominator);
  const V quotient = hn::Mul(p, inverse);
  const V remainder =
      hn::NegMulAdd(quotient, denominator_lost, hn::Add(hn::NegMulAdd(quotient, denominator, p), p_lost));
  const V lost = hn::Mul(remainder, inverse);
  const V product = hn::MulAdd(quotient, r, hn::MulAdd(quotient, rest, hn::MulAdd(lost, r, lost)));
  return hn::Add(quotient, product);
}

/// Near 0, while erf is below ½, as 1 − erf.
template <class D, class V>
HWY_INLINE V erfc(D d, V x) {
  const V a = at_most(d, hn::Abs(x), 10.1F);
  const V square = hn::Mul(a, a);
  const auto exponential = split_exp(d, hn::Neg(square), hn::Neg(hn::MulSub(a, a, square)));
  const V tail = scale_down(d, scaled_erfc(d, a, exponential), exponential.k);
  const V outer = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(hn::Set(d, 2.0F), tail), tail);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.47F)), hn::Sub(hn::Set(d, 1.0F), inner_erf(d, x)), outer);
}

#if HWY_ARCH_X86  // with a fused multiply-add, its vectors have eight lanes or sixteen

/// Φ(x) = ½ erfc(−x/√2), below 0 as e^(−x²/2) times a polynomial, whose coefficients are looked up, each in a vector.
template <class D, class V>
HWY_INLINE V normal_cdf(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V one = hn::Set(d, 1.0F);
  const V b = at_most(d, hn::Abs(x), 14.25F);
  const auto digits = hn::ShiftRight<22>(hn::BitCast(di, hn::Add(b, one)));
  const auto interval = hn::IndicesFromVec(d, hn::And(digits, hn::Set(di, 7)));
  const auto look_up = [=](const math::narrow::Eight& table)
                           HWY_ATTR { return hn::TableLookupLanes(hn::Load(d, table.lanes), interval); };
  constexpr auto& coefficients = math::narrow::scaled_cdf;
  const V from_middle = hn::Sub(b, look_up(math::narrow::cdf_middles));
  V slope = look_up(coefficients.back());
  for (std::size_t i = coefficients.size() - 1; i-- > 1;)
    slope = hn::MulAdd(slope, from_middle, look_up(coefficients[i]));
  const V at_middle = look_up(coefficients[0]);
  const V scaled = hn::MulAdd(slope, from_middle, at_middle);
  const V lost = hn::MulAdd(slope, from_middle, hn::Sub(at_middle, scaled));
  const V half_b = hn::Mul(b, hn::Set(d, 0.5F));
  const V square = hn::Mul(b, half_b);
  const auto [r, rest, k] = split_exp(d, hn::Neg(square), hn::Neg(hn::MulSub(b, half_b, square)));
  const V tail = scale_down(d, hn::Add(scaled, hn::MulAdd(scaled, r, hn::MulAdd(scaled, rest, lost))), k);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
}

#endif  // HWY_ARCH_X86

#endif  // HWY_NATIVE_FMA

}  // namespace narrow
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels::math
HWY_AFTER_NAMESPACE();

#endif
