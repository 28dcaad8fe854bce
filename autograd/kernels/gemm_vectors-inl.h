// The vectors that rows of a matrix are read in, and how many of them make a tile; compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_VECTORS_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_VECTORS_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_VECTORS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
using Lanes = hn::ScalableTag<T>;

template <typename T>
constexpr std::size_t vector_length = hn::MaxLanes(Lanes<T>());

// Half a vector, for columns that fit it, where two halves are multiplied in the time of a whole, as by AVX-512 of AMD.
constexpr bool has_half_vectors = HWY_TARGET == HWY_AVX3;
template <typename T>
using ShortLanes = std::conditional_t<has_half_vectors, hn::Half<Lanes<T>>, Lanes<T>>;

// What so many columns take: 0, a short vector, 1, a vector, or 2, more.
template <typename T>
std::size_t vectors_for(std::size_t columns) {
  return columns > vector_length<T> ? 2 : columns > hn::MaxLanes(ShortLanes<T>()) ? 1 : 0;
}

// A tile of C in registers: tile_rows × tile_vectors accumulators (m_r and n_r of BLIS), tile_vectors of B and one
// element of A. 12 × 2 fills the 32 registers of AVX-512 and of 64-bit Arm, 6 × 2 the 16 of older machines.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr std::size_t tile_rows = 12;
#else
constexpr std::size_t tile_rows = 6;
#endif
constexpr std::size_t tile_vectors = 2;
// The fewer rows a tile has, the more tiles read B.
constexpr bool are_tiles_short = tile_rows <= 6;
// Tiles of so many rows, of twice and of three times as many are what large products are made of.
constexpr std::size_t step_rows = tile_rows / 3;
// Of tiles one vector wide: the sums of a short one are so few that each would wait for the addition before.
constexpr std::size_t narrow_rows = are_tiles_short && HWY_TARGET != HWY_SCALAR ? tile_rows + step_rows : tile_rows;

// Tiles of few rows are wider, up to so many vectors, as registers allow.
constexpr std::size_t wide_vectors = 4;
constexpr std::size_t wide_rows = tile_rows * tile_vectors / 3;
constexpr std::size_t vectors_of_rows(std::size_t rows) {
  constexpr std::size_t registers = are_tiles_short ? 16 : 32;
  const auto need = [rows](std::size_t vectors) { return (rows + 1) * vectors + 1; };
  return need(4) <= registers ? 4 : need(3) <= registers ? 3 : 2;
}

// Whether there are instructions that read the first lanes and touch nothing else: x86 has them.
constexpr bool has_masked_access = HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3;

template <class D, typename T>
hn::Vec<D> load_first(D d, const T* from, std::size_t count) {
  HWY_ALIGN T lanes[vector_length<T>] = {};
  std::copy_n(from, count, lanes);
  return hn::Load(d, lanes);
}

// In pieces of a half, a fourth, …: a store of AVX2 under a mask takes AMD's processors twelve cycles.
template <class D, typename T>
HWY_INLINE void store_first(D d, hn::Vec<D> v, T* to, std::size_t count) {
  HWY_ALIGN T lanes[vector_length<T>];
  hn::Store(v, d, lanes);
  const T* from = lanes;
  HWY_UNROLL(4)
  for (std::size_t piece = vector_length<T> / 2; piece > 0; piece /= 2) {
    if ((count & piece) == 0) continue;
    std::memcpy(to, from, piece * sizeof(T));
    to += piece;
    from += piece;
  }
}

// The last vector of the rows of a matrix, of whose lanes only the first `count` may be touched.
template <class D>
struct LastVector {
  using T = hn::TFromD<D>;
  D d;
  std::size_t count;
  hn::Mask<D> mask = hn::FirstN(d, count);

  hn::Vec<D> load(const T* from) const {
    if constexpr (has_masked_access) {
      return hn::MaskedLoad(mask, d, from);
    } else {
      return count >= vector_length<T> ? hn::LoadU(d, from) : load_first(d, from, count);
    }
  }
  void store(hn::Vec<D> v, T* to) const {
    if constexpr (HWY_TARGET == HWY_AVX3) {
      hn::BlendedStore(v, mask, d, to);
    } else {
      count >= vector_length<T> ? hn::StoreU(v, d, to) : store_first(d, v, to, count);
    }
  }
};

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
