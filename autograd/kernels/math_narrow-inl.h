// The functions that training spends its time in, on vectors of f32: twice as many lanes as by way of f64, and errors
// below 2 units in the last place instead of ½. Only for instruction sets with a fused multiply-add, without which the
// digits would not suffice. Included once per instruction set; see math_exponential-inl.h.

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

inline constexpr float ln2 = 0x1.62e43p-1F;
inline constexpr float log2_e = 0x1.715476p0F;
// ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact.
inline constexpr float ln2_high = 0x1.62e4p-1F;
inline constexpr float ln2_low = 0x1.7f7d1cp-20F;
// Added to a number below 2²², it leaves its nearest integer in the last bits of the sum.
inline constexpr float rounding_shift = 0x1.8p23F;

/// The integer k that is nearest to a number below 2²², and k + bias in the last bits of `biased`.
template <class V>
struct Nearest {
  V k, biased;
};
/// Of x · factor.
template <class D, class V>
HWY_INLINE Nearest<V> nearest(D d, V x, float factor, float bias) {
  const V shift = hn::Set(d, rounding_shift + bias);
  const V biased = hn::MulAdd(x, hn::Set(d, factor), shift);
  return {hn::Sub(biased, shift), biased};
}

/// 2ᵏ for an integer −126 ≤ k ≤ 127, of which k + 127 stands in the last bits.
template <class D, class V>
HWY_INLINE V power_of_biased(D d, V biased) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, biased)));
}
template <class D, class V>
HWY_INLINE V power_of_two(D d, V k) {
  return power_of_biased(d, hn::Add(k, hn::Set(d, rounding_shift + 127)));
}

/// x · 2ᵏ rounded once, also where the result is subnormal; |k| < 250. Some processors take a hundred times as long for
/// a product that is, or is too small even for that.
template <class D, class V>
HWY_INLINE V scale(D d, V x, V k) {
  const V half = nearest(d, k, 0.5F, 0).k;
  return hn::Mul(hn::Mul(x, power_of_two(d, half)), power_of_two(d, hn::Sub(k, half)));
}

/// The same for k ≤ 0, seldom below −126.
template <class D, class V>
HWY_INLINE V scale_down(D d, V x, V k) {
  if (HWY_LIKELY(hn::AllTrue(d, hn::Ge(k, hn::Set(d, -126.0F))))) return hn::Mul(x, power_of_two(d, k));
  return scale(d, x, k);
}

/// eʳ − 1.
template <class D, class V>
HWY_INLINE V exp_less_one(D d, V r) {
  return hn::MulAdd(hn::Mul(r, r), polynomial(d, r, math::narrow::exp_short_tail), r);
}

template <class D, class V>
HWY_INLINE V exp(D d, V x) {
  const auto less_one = [=](V bounded, V k) HWY_ATTR {
    return exp_less_one(d, hn::NegMulAdd(k, hn::Set(d, ln2_low), hn::NegMulAdd(k, hn::Set(d, ln2_high), bounded)));
  };
  if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 87.0F))))) {  // the same, where no result is extreme
    const auto [k, biased] = nearest(d, x, log2_e, 127);
    const V power = power_of_biased(d, biased);
    return hn::MulAdd(power, less_one(x, k), power);
  }
  const V bounded = at_least(d, at_most(d, x, 89.0F), -104.0F);
  const V k = nearest(d, bounded, log2_e, 0).k;
  // A masked softmax has many results that are too small for any number: 0 for a factor is quick.
  const V mantissa = hn::Add(less_one(bounded, k), hn::Set(d, 1.0F));
  return scale(d, hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -104.0F)), mantissa), k);
}

/// e^(x + low) = (1 + r + rest) · 2ᵏ, where |r| ≤ ½ ln 2 and `rest` holds what r lost when it was rounded.
template <class V>
struct Exponential {
  V r, rest, k;
};
template <class D, class V>
HWY_INLINE Exponential<V> split_exp(D d, V x, V low) {
  const V k = nearest(d, x, log2_e, 0).k;
  const V exact = hn::NegMulAdd(k, hn::Set(d, ln2_high), x);
  const V correction = hn::NegMulAdd(k, hn::Set(d, ln2_low), low);
  const V r = hn::Add(exact, correction);
  const V lost = hn::Add(hn::Sub(exact, r), correction);
  return {r, hn::MulAdd(hn::Mul(r, r), polynomial(d, r, math::narrow::exp_tail), lost), k};
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

/// E / (E + 1) with E = (e²ᵃ − 1) / 2, where 2a = k ln 2 + 2r, |2r| ≤ ½ ln 2. What a is small for needs no formula of
/// its own: there k = 0 and E ≈ a + a². The quotient is put right by what is left of E when it is multiplied by E + 1,
/// which was rounded, and taken away.
template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
  const V one = hn::Set(d, 1.0F), half = hn::Set(d, 0.5F);
  const V a = at_most(d, hn::Abs(x), 10.0F);
  const auto [k, biased] = nearest(d, a, 2 * log2_e, 127);
  const V r = hn::NegMulAdd(k, hn::Set(d, ln2 / 2), a);
  const V power = power_of_biased(d, biased);
  const V tail = hn::MulAdd(hn::Mul(r, r), polynomial(d, r, math::narrow::exp_double_tail), r);  // (e²ʳ − 1) / 2
  const V e = hn::MulAdd(power, tail, hn::MulSub(power, half, half));
  const V inverse = hn::Div(one, hn::Add(e, one));
  const V quotient = hn::Mul(e, inverse);
  const V left = hn::NegMulAdd(quotient, e, hn::Sub(e, quotient));
  return hn::CopySign(hn::MulAdd(left, inverse, quotient), x);
}

/// 1 / (1 + e⁻ˣ). Far below 0, where the error of k ln 2 would show and 1 + e⁻ˣ loses the 1, as eˣ − e²ˣ, which
/// is the same there.
template <class D, class V>
HWY_INLINE V logistic(D d, V x) {
  const V one = hn::Set(d, 1.0F), border = hn::Set(d, -10.0F);
  const V bounded = at_most(d, x, 20.0F);
  const auto [k, biased] = nearest(d, bounded, -log2_e, 127);
  const V tail = exp_less_one(d, hn::NegMulSub(k, hn::Set(d, ln2), bounded));
  const V power = power_of_biased(d, biased);
  const V value = hn::Div(one, hn::MulAdd(power, tail, hn::Add(power, one)));
  if (HWY_LIKELY(hn::AllTrue(d, hn::Ge(x, border)))) return value;
  const V e = exp(d, x);
  return hn::IfThenElse(hn::Lt(x, border), hn::NegMulAdd(e, e, e), value);
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
  const auto [n, biased] = nearest(d, x, 0x1.45f306p-1F, 0);  // x · 2/π
  V r = hn::NegMulAdd(n, hn::Set(d, half_pi_1), x);
  r = hn::NegMulAdd(n, hn::Set(d, half_pi_2), r);
  r = hn::NegMulAdd(n, hn::Set(d, half_pi_3), r);
  const V z = hn::Mul(r, r);
  const V sine = hn::MulAdd(hn::Mul(z, r), polynomial(d, z, math::narrow::sin_tail), r);
  const V cosine = hn::MulAdd(hn::Mul(z, z), polynomial(d, z, math::narrow::cos_tail),
                              hn::NegMulAdd(hn::Set(d, 0.5F), z, hn::Set(d, 1.0F)));
  const auto quadrant = hn::Add(hn::BitCast(du, biased), hn::Set(du, advance));
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
