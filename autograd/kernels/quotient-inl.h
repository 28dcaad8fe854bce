// Division by multiply-adds, compiled once per instruction set: for code that waits for the unit that divides and takes
// square roots. By itself it takes no less time than the processor's division.

#if defined(WENGERT_AUTOGRAD_KERNELS_QUOTIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_QUOTIENT_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_QUOTIENT_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_QUOTIENT_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// a / b, correctly rounded, if y is 1 / b correctly rounded: a y, corrected by what it lacks (Markstein, "Computation
/// of elementary functions on the IBM RISC System/6000 processor", 1990). In f32, with a fused multiply-add.
template <class V>
HWY_INLINE V quotient_by_reciprocal(V a, V b, V y) {
  const V q = hn::Mul(a, y);
  return hn::MulAdd(hn::NegMulAdd(b, q, a), y, q);
}

/// a / b, correctly rounded, for a finite a that is 0 or at least 2⁻⁷⁶, b up to 2¹⁰⁰ (or infinite, or no number), and a
/// quotient that does not overflow. Then no remainder is subnormal, so it is exact.
///
/// AVX-512 has an estimate of 1 / b that is right to 2⁻¹⁴. Two steps of Newton's method round 1 / b correctly, but for
/// one b: that whose digits are all 1. It is among the few for which the first step lacks 2⁻²⁴ or more, as 0, infinity
/// and what is no number are: with these, the processor divides.
template <class D, class V>
HWY_INLINE V quotient(D d, V a, V b) {
  if constexpr (HWY_TARGET <= HWY_AVX3 && sizeof(hn::TFromD<D>) == 4) {
    const V one = hn::Set(d, 1), estimate = hn::ApproximateReciprocal(b);
    const V near = hn::MulAdd(hn::NegMulAdd(b, estimate, one), estimate, estimate);
    const V lack = hn::NegMulAdd(b, near, one);
    if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(lack, hn::Set(d, 0x1p-24F))))) {
      return quotient_by_reciprocal(a, b, hn::MulAdd(lack, near, near));
    }
  }
  return hn::Div(a, b);
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
