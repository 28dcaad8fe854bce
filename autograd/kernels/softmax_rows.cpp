#include <cmath>
#include <cstdint>

#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/softmax_rows.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/softmax_rows.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

struct Subtract {
  template <class V>
  static HWY_INLINE V map(V x, V a, V) {
    return hn::Sub(x, a);
  }
};
struct SubtractBoth {
  template <class V>
  static HWY_INLINE V map(V x, V a, V b) {
    return hn::Sub(hn::Sub(x, a), b);
  }
};
struct Divide {
  template <class V>
  static HWY_INLINE V map(V x, V a, V) {
    return hn::Div(x, a);
  }
};

// `count` elements; up to `room` of them may be read and written. `values` gives a or b of those from the j-th on.
template <class Op, typename T, class Values>
HWY_INLINE void map_elements(const T* x, T* y, std::int64_t count, std::int64_t room, const T* a, const T* b,
                             Values values) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> single;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto step = [&](auto tag, std::int64_t j) HWY_ATTR {
    hn::StoreU(Op::map(hn::LoadU(tag, x + j), values(tag, a, j), values(tag, b, j)), tag, y + j);
  };
  std::int64_t j = 0;
  for (; j < count && j + lanes <= room; j += lanes) step(d, j);
  for (; j < count; ++j) step(single, j);
}

template <class Op, typename T>
void map_rows(const RowExtents& e, const void* from, void* to, const void* first, const void* second) {
  const T *x = static_cast<const T*>(from), *a = static_cast<const T*>(first), *b = static_cast<const T*>(second);
  T* y = static_cast<T*>(to);
  if (e.inner == 1 && e.x_stride == 1 && e.y_stride == 1) {
    // A vector may reach into the next row: what it writes there is overwritten in its turn.
    std::int64_t room = e.outer * e.n;
    for (std::int64_t o = 0; o < e.outer; ++o, x += e.n, y += e.n, room -= e.n, ++a, ++b) {
      map_elements<Op>(x, y, e.n, room, a, b,
                       [](auto tag, const T* value, std::int64_t) HWY_ATTR { return hn::Set(tag, *value); });
    }
    return;
  }
  for (std::int64_t o = 0; o < e.outer; ++o, a += e.inner, b += e.inner) {
    for (std::int64_t row = 0; row < e.n; ++row, x += e.x_stride, y += e.y_stride) {
      map_elements<Op>(x, y, e.inner, e.inner, a, b,
                       [](auto tag, const T* value, std::int64_t j) HWY_ATTR { return hn::LoadU(tag, value + j); });
    }
  }
}

/// The first of the row's elements that is `value`: one is. Vectors may reach beyond the row, as far as `room`.
template <typename T>
HWY_INLINE std::int64_t find_first(const T* x, std::int64_t room, T value) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t j = 0;
  for (; j + lanes <= room; j += lanes) {
    const std::intptr_t found = hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, x + j), hn::Set(d, value)));
    if (found >= 0) return j + found;
  }
  while (x[j] != value) ++j;
  return j;
}

template <typename T>
void clear_first(const RowExtents& e, const void* from, void* to, const void* values, const void*) {
  const T *x = static_cast<const T*>(from), *a = static_cast<const T*>(values);
  T* y = static_cast<T*>(to);
  for (std::int64_t o = 0; o < e.outer; ++o, x += e.n * e.x_stride, y += e.n * e.y_stride) {
    for (std::int64_t i = 0; i < e.inner; ++i, ++a) {
      if (!std::isfinite(*a)) continue;
      std::int64_t j = 0;
      if (e.inner == 1 && e.x_stride == 1)
        j = find_first(x, (e.outer - o) * e.n, *a);
      else
        while (x[j * e.x_stride + i] != *a) ++j;
      y[j * e.y_stride + i] = 0;
    }
  }
}

template <typename T>
RowMaps find() {
  return {map_rows<Subtract, T>, map_rows<SubtractBoth, T>, map_rows<Divide, T>, clear_first<T>};
}

RowMaps find_here(bool is_f64) { return is_f64 ? find<double>() : find<float>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {

HWY_EXPORT(find_here);

RowMaps find_row_maps(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_here)(dtype == DType::f64); }

}  // namespace wengert::kernels
#endif
