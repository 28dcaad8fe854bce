// Packing of the operands of the floating matrix product, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_PACK_INL_H_
#endif

#include <cstddef>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_vectors-inl.h>
#include <wengert/autograd/kernels/transpose-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

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

// Copies k rows of `count` elements (1 … width) into rows of `width`, the rest zero, and asks for what is `ahead` of
// each. Less than a vector is added.
template <typename T>
void pack_rows(const T* from, std::size_t stride, std::size_t count, std::size_t k, std::size_t width, T* to,
               std::size_t ahead) {
  const Lanes<T> d;
  constexpr std::size_t n = vector_length<T>;
  const std::size_t last = round_up(count, n) - n;
  const LastVector<Lanes<T>> read = {d, count - last}, written = {d, width - last};
  for (std::size_t p = 0; p < k; ++p, from += stride, to += width) {
    hwy::Prefetch(from + ahead + count - 1);
    const auto v = read.load(from + last);
    for (std::size_t j = 0; j < last; j += n) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
    written.store(v, to + last);
  }
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
