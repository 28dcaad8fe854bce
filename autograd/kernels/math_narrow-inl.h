// The functions that training spends its time in, on vectors of f32: twice as many lanes as by way of f64, and errors
// below 2 units in the last place instead of ½. Only for instruction sets with a fused multiply-add, without which the
// digits would not suffice. Included once per instruction set; see math_exponential-inl.h.

#include <cmath>
#include <cstddef>
#include <cstdint>

#if defined(WENGERT_MATH_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_MATH_NARROW_INL_H_
#undef WENGERT_MATH_NARROW_INL_H_
#else
#define WENGERT_MATH_NARROW_INL_H_
#endif

#include <hwy/highway.h>

#include <wengert/autograd/kernels/math_coefficients.h>
#include <wengert/autograd/kernels/math_exponential-inl.h>
#include <wengert/autograd/kernels/math_trigonometric-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::math {
namespace HWY_NAMESPACE {
namespace narrow {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_NATIVE_FMA

// ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact.
inline constexpr float ln2_high = 0x1.62e4p-1F;
inline constexpr float ln2_low = 0x1.7f7d1cp-20F;
// Added to a number below 2²², it leaves its nearest integer in the last bits of the sum.
inline constexpr float rounding_shift = 0x1.8p23F;

template <class D, class V>
HWY_INLINE V at_most(D d, V x, float bound) {
  return hn::IfThenElse(hn::Gt(x, hn::Set(d, bound)), hn::Set(d, bound), x);
}
template <class D, class V>
HWY_INLINE V at_least(D d, V x, float bound) {
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, bound)), hn::Set(d, bound), x);
}

/// 2ᵏ for an integer −126 ≤ k ≤ 127.
template <class D, class V>
HWY_INLINE V power_of_two(D d, V k) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, hn::Add(k, hn::Set(d, rounding_shift + 127)))));
}

/// x · 2ᵏ rounded once, also where the result is subnormal; |k| < 250.
template <class D, class V>
HWY_INLINE V scale(D d, V x, V k) {
  const V shift = hn::Set(d, rounding_shift);
  const V half = hn::Sub(hn::MulAdd(k, hn::Set(d, 0.5F), shift), shift);
  return hn::Mul(hn::Mul(x, power_of_two(d, half)), power_of_two(d, hn::Sub(k, half)));
}

/// e^(x + low) = (1 + r + rest) · 2ᵏ, where |r| ≤ ½ ln 2 and `rest` holds what r lost when it was rounded.
template <class V>
struct Exponential {
  V r, rest, k;
};
template <class D, class V>
HWY_INLINE Exponential<V> split_exp(D d, V x, V low) {
  const V shift = hn::Set(d, rounding_shift);
  const V k = hn::Sub(hn::MulAdd(x, hn::Set(d, 0x1.715476p0F), shift), shift);  // x / ln 2
  const V exact = hn::NegMulAdd(k, hn::Set(d, ln2_high), x);
  const V correction = hn::NegMulAdd(k, hn::Set(d, ln2_low), low);
  const V r = hn::Add(exact, correction);
  const V lost = hn::Add(hn::Sub(exact, r), correction);
  return {r, hn::MulAdd(hn::Mul(r, r), polynomial(d, r, math::narrow::exp_tail), lost), k};
}

template <class D, class V>
HWY_INLINE V exp(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 87.0F))))) {  // the same, where no result is extreme
    const auto [r, rest, k] = split_exp(d, x, hn::Zero(d));
    return hn::Mul(hn::Add(hn::Add(r, rest), one), power_of_two(d, k));
  }
  const auto [r, rest, k] = split_exp(d, at_least(d, at_most(d, x, 89.0F), -104.0F), hn::Zero(d));
  return scale(d, hn::Add(hn::Add(r, rest), one), k);
}

/// 2ᵏ (1 + r + rest) − 1, at half size, so that it overflows no earlier than its double.
template <class D, class V>
HWY_INLINE V expm1(D d, V x) {
  const auto [r, rest, k] = split_exp(d, at_least(d, at_most(d, x, 89.0F), -20.0F), hn::Zero(d));
  const V power = power_of_two(d, hn::Sub(k, hn::Set(d, 1.0F)));
  const V half = hn::MulAdd(power, rest, hn::MulAdd(power, r, hn::Sub(power, hn::Set(d, 0.5F))));
  const V value = hn::Add(half, half);
  return hn::IfThenElse(hn::Lt(hn::Abs(x), hn::Set(d, 0x1p-25F)), x, value);
}

/// ln(1 + f) + k ln 2 for −¼ ≤ f < ½, as f − f²/2 + f³ P(f).
template <class D, class V>
HWY_INLINE V log_of_split(D d, V f, V k) {
  const V square = hn::Mul(f, f);
  const V cubic =
      hn::MulAdd(hn::Mul(square, f), polynomial(d, f, math::narrow::log_tail), hn::Mul(k, hn::Set(d, ln2_low)));
  const V sum = hn::Add(hn::MulAdd(square, hn::Set(d, -0.5F), cubic), f);
  return hn::MulAdd(k, hn::Set(d, ln2_high), sum);
}

/// The bits of 2ᵏ less those of 1, for x = 2ᵏ m with ¾ ≤ m < 1½.
template <class D, class VU>
HWY_INLINE VU exponent_bits(D d, VU x) {
  return hn::And(hn::Sub(x, hn::Set(d, 0x3F400000U)), hn::Set(d, 0xFF800000U));
}
template <class D, class VU>
HWY_INLINE auto exponent(D d, VU bits) {
  const hn::RebindToSigned<D> di;
  return hn::ConvertTo(d, hn::ShiftRight<23>(hn::BitCast(di, bits)));
}

template <class D, class V>
HWY_INLINE V log(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const auto subnormal = hn::Lt(x, hn::Set(d, 0x1p-126F));
  const V normal = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, 0x1p25F)), x);
  const auto bits = exponent_bits(du, hn::BitCast(du, normal));
  const V m = hn::BitCast(d, hn::Sub(hn::BitCast(du, normal), bits));
  const V k = hn::Add(exponent(d, bits), hn::IfThenElseZero(subnormal, hn::Set(d, -25.0F)));
  return with_logarithmic_pole(d, log_of_split(d, hn::Sub(m, hn::Set(d, 1.0F)), k), x, 0.0F);
}

/// With 1 + x ≈ 2ᵏ m: ln(1 + x) = k ln 2 + ln(1 + f), f = x 2⁻ᵏ + (2⁻ᵏ − 1).
template <class D, class V>
HWY_INLINE V log1p(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const V one = hn::Set(d, 1.0F);
  const auto bits = exponent_bits(du, hn::BitCast(du, hn::Add(x, one)));
  // 2⁻ᵏ four times, so that it is no subnormal number for the largest k.
  const V scaling = hn::BitCast(d, hn::Sub(hn::BitCast(du, hn::Set(d, 4.0F)), bits));
  const V quarter = hn::Mul(scaling, hn::Set(d, 0.25F));
  const V f = hn::MulAdd(x, quarter, hn::Sub(quarter, one));
  const V value = hn::CopySign(log_of_split(d, f, exponent(d, bits)), x);
  return with_logarithmic_pole(d, value, x, -1.0F);
}

/// By its own series up to 0.625 in magnitude, x + x³ P(x²); beyond as 1 − 2 / (e²ˣ + 1).
template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  const V a = hn::Abs(x);
  const V z = hn::Mul(x, x);
  const V inner = hn::MulAdd(hn::Mul(z, x), polynomial(d, z, math::narrow::tanh_tail), x);
  const auto [r, rest, k] = split_exp(d, at_most(d, hn::Add(a, a), 20.0F), hn::Zero(d));
  const V power = power_of_two(d, k);
  const V denominator = hn::MulAdd(power, hn::Add(r, rest), hn::Add(power, one));
  const V outer = hn::Sub(one, hn::Div(hn::Set(d, 2.0F), denominator));
  return hn::CopySign(hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625F)), inner, outer), x);
}

/// 1 / (1 + e⁻ˣ), the denominator rounded once; eˣ where e⁻ˣ nears its overflow, which is the same there.
template <class D, class V>
HWY_INLINE V logistic(D d, V x) {
  constexpr float border = 87;
  const V one = hn::Set(d, 1.0F);
  const auto [r, rest, k] = split_exp(d, hn::Neg(at_least(d, at_most(d, x, border), -border)), hn::Zero(d));
  const V power = power_of_two(d, k);
  const V sum = hn::Add(power, one);
  const V lost = hn::Sub(one, hn::Sub(sum, power));
  const V value = hn::Div(one, hn::Add(sum, hn::MulAdd(power, hn::Add(r, rest), lost)));
  if (HWY_LIKELY(hn::AllTrue(d, hn::Ge(x, hn::Set(d, -border))))) return value;
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, -border)), exp(d, x), value);
}

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

/// m, where erfc a = m · 2ᵏ as in f64: exp(−a²) P / (1 + 2a), P a polynomial in t = (a − 2) / (a + 2). What a, the
/// numerator, the denominator and the quotient lost by rounding is put back.
template <class D, class V>
HWY_INLINE V scaled_erfc(D d, V a, V a_lost, const Exponential<V>& exponential) {
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
  const V denominator_lost = hn::MulAdd(two, a_lost, hn::Add(hn::Sub(twice, denominator), one));

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
  const V tail = scale(d, scaled_erfc(d, a, hn::Zero(d), exponential), exponential.k);
  const V outer = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(hn::Set(d, 2.0F), tail), tail);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.47F)), hn::Sub(hn::Set(d, 1.0F), inner_erf(d, x)), outer);
}

/// ½ erfc(−x/√2), with x²/2 from x itself: its digits hold where those of x/√2 are rounded.
template <class D, class V>
HWY_INLINE V normal_cdf(D d, V x) {
  const V half = hn::Set(d, 0.5F);
  const V sqrt_half = hn::Set(d, 0x1.6a09e6p-1F);
  const V b = at_most(d, hn::Abs(x), 14.25F);
  const V a = hn::Mul(b, sqrt_half);
  const V a_lost = hn::MulAdd(b, hn::Set(d, 0x1.9fcef4p-27F), hn::MulSub(b, sqrt_half, a));
  const V half_b = hn::Mul(b, half);
  const V square = hn::Mul(b, half_b);
  const auto exponential = split_exp(d, hn::Neg(square), hn::Neg(hn::MulSub(b, half_b, square)));
  const V tail = scale(d, hn::Mul(scaled_erfc(d, a, a_lost, exponential), half), exponential.k);
  const V outer = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0F), tail));
  const V inner = hn::MulAdd(half, inner_erf(d, hn::CopySign(a, x)), half);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.47F)), inner, outer);
}

// π/2 in three parts. Up to `largest_reduced` the first difference is exact, and what the others leave is right to the
// last place, because no f32 up to there is closer to a multiple of π/2 than 2⁻²⁸.
inline constexpr float half_pi_1 = 0x1.921fb6p0F;
inline constexpr float half_pi_2 = -0x1.777a5cp-25F;
inline constexpr float half_pi_3 = -0x1.ee59dap-50F;
inline constexpr float largest_reduced = 0x1p16F;

/// sin(x + advance · π/2) in f64, for all of x.
template <class D, class V>
HWY_NOINLINE V sin_of_large(D d, V x, std::uint32_t advance) {
  const hn::Repartition<double, D> wide;
  const hn::Half<D> half;
  const auto low = sin_advanced<float>(wide, hn::PromoteTo(wide, hn::LowerHalf(half, x)), advance);
  const auto high = sin_advanced<float>(wide, hn::PromoteTo(wide, hn::UpperHalf(half, x)), advance);
  return hn::Combine(d, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
}

template <class D, class V>
HWY_INLINE V sin_advanced(D d, V x, std::uint32_t advance) {
  const hn::RebindToUnsigned<D> du;
  const V shift = hn::Set(d, rounding_shift);
  const V shifted = hn::MulAdd(x, hn::Set(d, 0x1.45f306p-1F), shift);  // x · 2/π
  const V n = hn::Sub(shifted, shift);
  V r = hn::NegMulAdd(n, hn::Set(d, half_pi_1), x);
  r = hn::NegMulAdd(n, hn::Set(d, half_pi_2), r);
  r = hn::NegMulAdd(n, hn::Set(d, half_pi_3), r);
  const V z = hn::Mul(r, r);
  const V sine = hn::MulAdd(hn::Mul(z, r), polynomial(d, z, math::narrow::sin_tail), r);
  const V cosine = hn::MulAdd(hn::Mul(z, z), polynomial(d, z, math::narrow::cos_tail),
                              hn::NegMulAdd(hn::Set(d, 0.5F), z, hn::Set(d, 1.0F)));
  const auto quadrant = hn::Add(hn::BitCast(du, shifted), hn::Set(du, advance));
  const auto is_odd = hn::MaskFromVec(hn::BitCast(d, hn::Sub(hn::Zero(du), hn::And(quadrant, hn::Set(du, 1)))));
  const auto sign = hn::ShiftLeft<30>(hn::And(quadrant, hn::Set(du, 2)));
  const V value = hn::Xor(hn::IfThenElse(is_odd, cosine, sine), hn::BitCast(d, sign));
  const auto is_large = hn::Gt(hn::Abs(x), hn::Set(d, largest_reduced));
  if (HWY_LIKELY(hn::AllFalse(d, is_large))) return value;
  return hn::IfThenElse(is_large, sin_of_large(d, x, advance), value);
}

template <class D, class V>
HWY_INLINE V sin(D d, V x) {
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, sin_advanced(d, x, 0));
}
template <class D, class V>
HWY_INLINE V cos(D d, V x) {
  return sin_advanced(d, x, 1);
}

#endif  // HWY_NATIVE_FMA

}  // namespace narrow
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels::math
HWY_AFTER_NAMESPACE();

#endif
