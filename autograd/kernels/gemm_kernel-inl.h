// The innermost part of the floating matrix product, compiled once per instruction set: packing of the operands, and
// the product of a few rows with a few vectors of columns, kept in registers (Goto and van de Geijn, "Anatomy of
// High-Performance Matrix Multiplication", 2008; Van Zee and van de Geijn, "BLIS", 2015).

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_KERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_KERNEL_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_KERNEL_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_KERNEL_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
using Lanes = hn::ScalableTag<T>;

template <typename T>
constexpr std::size_t vector_length = hn::MaxLanes(Lanes<T>());

// A tile of C in registers: max_rows × max_vectors accumulators, max_vectors of B and one element of A. 12 × 2 fills
// the 32 registers of AVX-512 and of 64-bit Arm, 6 × 2 the 16 of older machines.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr std::size_t max_rows = 12;
#else
constexpr std::size_t max_rows = 6;
#endif
constexpr std::size_t max_vectors = 2;

// Reading and writing the first `count` lanes. x86 has instructions that touch nothing else.
constexpr bool has_masked_access = HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3;

template <class D, typename T>
hn::Vec<D> load_first(D d, const T* from, std::size_t count) {
  if constexpr (has_masked_access) {
    return hn::MaskedLoad(hn::FirstN(d, count), d, from);
  } else {
    HWY_ALIGN T lanes[vector_length<T>] = {};
    std::copy_n(from, count, lanes);
    return hn::Load(d, lanes);
  }
}

template <class D, typename T>
void store_first(D d, hn::Vec<D> v, T* to, std::size_t count) {
  if constexpr (has_masked_access) {
    hn::BlendedStore(v, hn::FirstN(d, count), d, to);
  } else {
    HWY_ALIGN T lanes[vector_length<T>];
    hn::Store(v, d, lanes);
    std::copy_n(lanes, count, to);
  }
}

// One tile's work: C (+)= A · B over k terms. Row p of B is at b + p · b_stride, in whole vectors. Element (i, p) of A
// is at a[i + p · a_stride] where rows are adjacent, at a[i · a_stride + p] where they are not.
template <typename T>
struct Tile {
  std::size_t k;
  const T* a;
  std::size_t a_stride;
  const T* b;
  std::size_t b_stride;
  T* c;
  std::size_t c_stride;
  std::size_t last;  // columns of the last vector that belong to C
  bool accumulate;
};

template <std::size_t rows, std::size_t vectors, bool rows_adjacent, typename T>
void multiply_tile(const Tile<T>& tile) {
  const Lanes<T> d;
  constexpr std::size_t n = vector_length<T>;
  hn::Vec<Lanes<T>> sum[rows][vectors];
  HWY_UNROLL(12)
  for (std::size_t i = 0; i < rows; ++i) {
    HWY_UNROLL(2)
    for (std::size_t j = 0; j < vectors; ++j) sum[i][j] = hn::Zero(d);
  }
  const T* a = tile.a;
  const T* b = tile.b;
  const std::size_t a_stride = tile.a_stride;
  const std::size_t b_stride = tile.b_stride;
  for (std::size_t p = 0; p < tile.k; ++p) {
    hn::Vec<Lanes<T>> row[vectors];
    HWY_UNROLL(2)
    for (std::size_t j = 0; j < vectors; ++j) row[j] = hn::LoadU(d, b + j * n);
    HWY_UNROLL(12)
    for (std::size_t i = 0; i < rows; ++i) {
      const auto factor = hn::Set(d, a[rows_adjacent ? i : i * a_stride]);
      HWY_UNROLL(2)
      for (std::size_t j = 0; j < vectors; ++j) sum[i][j] = hn::MulAdd(factor, row[j], sum[i][j]);
    }
    a += rows_adjacent ? a_stride : 1;
    b += b_stride;
  }
  HWY_UNROLL(12)
  for (std::size_t i = 0; i < rows; ++i) {
    HWY_UNROLL(2)
    for (std::size_t j = 0; j < vectors; ++j) {
      T* c = tile.c + i * tile.c_stride + j * n;
      if (j + 1 == vectors && tile.last != n) {
        const auto before = tile.accumulate ? load_first(d, c, tile.last) : hn::Zero(d);
        store_first(d, hn::Add(before, sum[i][j]), c, tile.last);
      } else {
        hn::StoreU(tile.accumulate ? hn::Add(hn::LoadU(d, c), sum[i][j]) : sum[i][j], d, c);
      }
    }
  }
}

// The scalar products of one row of A with `count` rows of B, k contiguous terms each.
template <std::size_t count, typename T>
void multiply_rows(std::size_t k, const T* a, const T* b, std::size_t b_stride, T* c) {
  const Lanes<T> d;
  constexpr std::size_t n = vector_length<T>;
  hn::Vec<Lanes<T>> sum[count];
  HWY_UNROLL(4)
  for (std::size_t j = 0; j < count; ++j) sum[j] = hn::Zero(d);
  std::size_t p = 0;
  for (; p + n <= k; p += n) {
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < count; ++j)
      sum[j] = hn::MulAdd(hn::LoadU(d, a + p), hn::LoadU(d, b + j * b_stride + p), sum[j]);
  }
  HWY_UNROLL(4)
  for (std::size_t j = 0; j < count; ++j) {
    if (p < k) {
      sum[j] = hn::MulAdd(load_first(d, a + p, k - p), load_first(d, b + j * b_stride + p, k - p), sum[j]);
    }
    c[j] = hn::GetLane(hn::SumOfLanes(d, sum[j]));
  }
}

template <typename T>
using TileFunction = void (*)(const Tile<T>&);

template <std::size_t vectors, bool rows_adjacent, typename T, std::size_t... i>
constexpr std::array<TileFunction<T>, max_rows> tile_functions(std::index_sequence<i...>) {
  return {multiply_tile<i + 1, vectors, rows_adjacent, T>...};
}

// The function for a tile of 1 … max_rows rows and 1 … max_vectors vectors.
template <typename T>
TileFunction<T> tile_function(std::size_t rows, std::size_t vectors, bool rows_adjacent) {
  constexpr auto sizes = std::make_index_sequence<max_rows>();
  static constexpr std::array<std::array<TileFunction<T>, max_rows>, 4> functions = {
      tile_functions<1, false, T>(sizes), tile_functions<1, true, T>(sizes), tile_functions<2, false, T>(sizes),
      tile_functions<2, true, T>(sizes)};
  return functions[2 * (vectors - 1) + (rows_adjacent ? 1 : 0)][rows - 1];
}

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

}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
