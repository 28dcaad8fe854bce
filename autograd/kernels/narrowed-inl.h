// From f64 to f32, compiled once per instruction set.

#if defined(WENGERT_AUTOGRAD_KERNELS_NARROWED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_NARROWED_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_NARROWED_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_NARROWED_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// The nearest f32, infinite beyond their range: for which Highway's plain fallback has the largest finite one.
template <class V>
HWY_INLINE auto narrowed(V x) {
  const hn::Rebind<float, hn::DFromV<V>> d;
  if constexpr (HWY_TARGET == HWY_SCALAR) {
    return hn::Set(d, static_cast<float>(hn::GetLane(x)));
  } else {
    return hn::DemoteTo(d, x);
  }
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
