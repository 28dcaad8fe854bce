// 1 / b by multiply-adds, compiled once per instruction set: for code that waits for the unit that divides and takes
// square roots. By itself it takes no less time than the processor's division, and more where that is quick
// (processor.h).

#if defined(WENGERT_AUTOGRAD_KERNELS_RECIPROCAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_RECIPROCAL_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_RECIPROCAL_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_RECIPROCAL_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// 1 / b, correctly rounded.
///
/// AVX-512 has an estimate that is right to 2⁻¹⁴. Two steps of Newton's method round it correctly, but for one b: that
/// whose digits are all 1. It is among the few for which the first step lacks 2⁻²⁴ or more, as 0, infinity and what is
/// no number are: with these, the processor divides.
template <class D, class V>
HWY_INLINE V reciprocal(D d, V b) {
  const V one = hn::Set(d, 1);
  if constexpr (HWY_TARGET <= HWY_AVX3 && sizeof(hn::TFromD<D>) == 4) {
    const V estimate = hn::ApproximateReciprocal(b);
    const V near = hn::MulAdd(hn::NegMulAdd(b, estimate, one), estimate, estimate);
    const V lack = hn::NegMulAdd(b, near, one);
    if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(lack, hn::Set(d, 0x1p-24F))))) return hn::MulAdd(lack, near, near);
  }
  return hn::Div(one, b);
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
