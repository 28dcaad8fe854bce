// Packing of the operands of the floating matrix product, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_kernel-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// The transpose of one square block, as wide as a vector of 128 bits where there are such: row r of `to` takes element
// r of each row of `from`.
template <typename T>
constexpr std::size_t block_side = std::min(16 / sizeof(T), vector_length<T>);

#if HWY_TARGET == HWY_SCALAR
template <typename T>
void transpose_block(const T* from, std::size_t, T* to, std::size_t) {
  *to = *from;
}
#else
template <typename T>
void transpose_block(const T* from, std::size_t from_stride, T* to, std::size_t to_stride) {
  const hn::FixedTag<T, block_side<T>> d;
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

// Writes the transpose of `count` rows (1 … width) of k elements as k rows of `width`, the rest zero.
template <typename T>
void pack_transposed(const T* from, std::size_t stride, std::size_t count, std::size_t k, std::size_t width, T* to) {
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
  for (; r < width; ++r) {
    for (std::size_t p = 0; p < k; ++p) to[p * width + r] = r < count ? from[r * stride + p] : T{0};
  }
}

// Writes the transpose of k rows of `count` elements, 2 … 4, one right after the other, as `count` rows of `width`, the
// rest zero.
template <typename T>
void pack_interleaved(const T* from, std::size_t count, std::size_t k, std::size_t width, T* to) {
  const Lanes<T> d;
  constexpr std::size_t n = vector_length<T>;
  std::size_t p = 0;
  for (; p + n <= k; p += n) {
    hn::Vec<Lanes<T>> v[4];
    if (count == 2) hn::LoadInterleaved2(d, from + p * count, v[0], v[1]);
    if (count == 3) hn::LoadInterleaved3(d, from + p * count, v[0], v[1], v[2]);
    if (count == 4) hn::LoadInterleaved4(d, from + p * count, v[0], v[1], v[2], v[3]);
    for (std::size_t r = 0; r < count; ++r) hn::StoreU(v[r], d, to + r * width + p);
  }
  for (; p < width; ++p) {
    for (std::size_t r = 0; r < count; ++r) to[r * width + p] = p < k ? from[p * count + r] : T{0};
  }
}

// Copies k rows of `count` elements (1 … width) into rows of `width`, the rest zero. Less than a vector is added.
template <typename T>
void pack_rows(const T* from, std::size_t stride, std::size_t count, std::size_t k, std::size_t width, T* to) {
  const Lanes<T> d;
  constexpr std::size_t n = vector_length<T>;
  for (std::size_t p = 0; p < k; ++p, from += stride, to += width) {
    for (std::size_t j = 0; j < width; j += n) {
      const auto v = j + n <= count ? hn::LoadU(d, from + j) : load_first(d, from + j, count - j);
      j + n <= width ? hn::StoreU(v, d, to + j) : store_first(d, v, to + j, width - j);
    }
  }
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
