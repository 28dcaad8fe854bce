// Transposes of a few rows, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_TRANSPOSE_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_TRANSPOSE_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_TRANSPOSE_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The transpose of one square block, as wide as a vector of 128 bits where there are such: row r of `to` takes element
// r of each row of `from`.
template <typename T>
constexpr std::size_t block_side = std::min(16 / sizeof(T), hn::MaxLanes(hn::ScalableTag<T>()));

#if HWY_TARGET == HWY_SCALAR
template <typename T>
void transpose_block(const T* from, std::size_t, T* to, std::size_t) {
  *to = *from;
}
#else
template <typename T>
void transpose_block(const T* from, std::size_t from_stride, T* to, std::size_t to_stride) {
  const hn::FixedTag<T, block_side<T> > d;
  const auto row = [=](std::size_t r) HWY_ATTR { return hn::LoadU(d, from + r * from_stride); };
  const auto put = [=](auto v, std::size_t r) HWY_ATTR { hn::StoreU(v, d, to + r * to_stride); };
  if constexpr (sizeof(T) == 8) {
    put(hn::InterleaveLower(d, row(0), row(1)), 0);
    put(hn::InterleaveUpper(d, row(0), row(1)), 1);
  } else {
    const auto even_low = hn::InterleaveLower(d, row(0), row(2));
    const auto odd_low = hn::InterleaveLower(d, row(1), row(3));
    const auto even_high = hn::InterleaveUpper(d, row(0), row(2));
    const auto odd_high = hn::InterleaveUpper(d, row(1), row(3));
    put(hn::InterleaveLower(d, even_low, odd_low), 0);
    put(hn::InterleaveUpper(d, even_low, odd_low), 1);
    put(hn::InterleaveLower(d, even_high, odd_high), 2);
    put(hn::InterleaveUpper(d, even_high, odd_high), 3);
  }
}
#endif

// Writes the transpose of `count` rows of k elements as k rows of `width`: as many, or whole blocks, the rest zero.
template <typename T>
HWY_NOINLINE void pack_transposed(const T* from, std::size_t stride, std::size_t count, std::size_t k,
                                  std::size_t width, T* to) {
  constexpr std::size_t side = block_side<T>;
  std::size_t r = 0;
  for (; r + side <= count; r += side) {
    const T* rows = from + r * stride;
    std::size_t p = 0;
    for (; p + side <= k; p += side) transpose_block(rows + p, stride, to + p * width + r, width);
    for (; p < k; ++p) {
      for (std::size_t i = 0; i < side; ++i) to[p * width + r + i] = rows[i * stride + p];
    }
  }
  if (r == width) return;
  const hn::FixedTag<T, side> d;
  for (std::size_t p = 0; p < k; ++p, to += width) {
    for (std::size_t i = r; i < width && count < width; i += side) hn::StoreU(hn::Zero(d), d, to + i);
    for (std::size_t i = r; i < count; ++i) to[i] = from[i * stride + p];
  }
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
