// Tiles of the floating matrix product, compiled once per instruction set: the product of a few rows with a few vectors
// of columns, kept in registers (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; Van
// Zee and van de Geijn, "BLIS", 2015).

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
#include <cstring>
#include <type_traits>
#include <utility>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/register-inl.h>

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

// A tile of C in registers: tile_rows × tile_vectors accumulators (m_r and n_r of BLIS), tile_vectors of B and one
// element of A. 12 × 2 fills the 32 registers of AVX-512 and of 64-bit Arm, 6 × 2 the 16 of older machines.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr std::size_t tile_rows = 12;
#else
constexpr std::size_t tile_rows = 6;
#endif
constexpr std::size_t tile_vectors = 2;

// Tiles of few rows are wider, up to so many vectors, as registers allow.
constexpr std::size_t wide_vectors = 4;
constexpr std::size_t wide_rows = tile_rows * tile_vectors / 3;
constexpr std::size_t vectors_of_rows(std::size_t rows) {
  constexpr std::size_t registers = tile_rows > 6 ? 32 : 16;
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

// What will be needed after a tile, a tile's columns wide: rows that are asked for one after the other, every so many
// terms.
template <typename T>
struct Ahead {
  const T* at = nullptr;
  std::size_t row = 0;
  std::size_t terms = 1;
};

// One tile's work: C (+)= A · B over k terms. Element (i, p) of A is at a[i · a_row + p · a_column], row p of B at
// b + p · b_row.
template <typename T>
struct Tile {
  std::size_t k;
  const T* a;
  std::size_t a_row;
  std::size_t a_column;
  const T* b;
  std::size_t b_row;
  std::size_t b_last;  // elements of B's last vector that may be read
  T* c;
  std::size_t c_row;
  std::size_t c_last;  // elements of the last vector that belong to C
  bool accumulate;
  Ahead<T> ahead = {};
};

// The terms are added in order; where there are few sums, by `chains` of every so many terms, for one addition has to
// wait for the one before.
template <class D, std::size_t rows, std::size_t vectors, std::size_t chains, bool whole, typename T>
void multiply_tile(const Tile<T>& tile) {
  const D d;
  constexpr std::size_t n = hn::MaxLanes(D());
  hn::Vec<D> sum[chains][rows][vectors];
  HWY_UNROLL(4)
  for (std::size_t chain = 0; chain < chains; ++chain) {
    HWY_UNROLL(12)
    for (std::size_t i = 0; i < rows; ++i) {
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < vectors; ++j) sum[chain][i][j] = hn::Zero(d);
    }
  }
  const T* b = tile.b;
  const std::size_t k = tile.k;
  const std::size_t a_row = tile.a_row;
  const std::size_t a_column = tile.a_column;
  const std::size_t b_row = tile.b_row;
  const std::size_t c_row = tile.c_row;
  const bool accumulate = tile.accumulate;
  const LastVector<D> b_last = {d, tile.b_last};
  // Every third row of A: processors add a multiple of one number to an address.
  std::array<const T*, (rows + 2) / 3> a;
  HWY_UNROLL(4)
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = tile.a + 3 * i * a_row;
  const T* ahead = tile.ahead.at;
  const std::size_t ahead_row = tile.ahead.row;
  const std::size_t ahead_terms = tile.ahead.terms;
  std::size_t wait = 1;
  const auto add_term = [&](std::size_t chain) HWY_ATTR {
    hn::Vec<D> row[vectors];
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < vectors; ++j)
      row[j] = whole || j + 1 < vectors ? hn::LoadU(d, b + j * n) : b_last.load(b + j * n);
    if constexpr (rows > 1) {
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < vectors; ++j) keep_in_register(row[j]);
    }
    HWY_UNROLL(12)
    for (std::size_t i = 0; i < rows; ++i) {
      const auto factor = hn::Set(d, a[i / 3][i % 3 * a_row]);
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < vectors; ++j) sum[chain][i][j] = hn::MulAdd(factor, row[j], sum[chain][i][j]);
    }
    HWY_UNROLL(4)
    for (auto& pointer : a) pointer += a_column;
    b += b_row;
    // No more instructions than are due: a core that is shared issues few beside the multiplications.
    if (rows == 1 || (whole && --wait != 0)) return;
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < vectors; ++j) hwy::Prefetch(ahead + j * n);
    ahead += ahead_row;
    wait = ahead_terms;
  };
  if constexpr (chains == 1) {  // k is not 0: a loop that might be left at once takes more to prepare
    std::size_t left = k;
    do {
      add_term(0);
    } while (--left != 0);
  } else {
    std::size_t p = 0;
    for (; p + chains <= k; p += chains) {
      HWY_UNROLL(4)
      for (std::size_t chain = 0; chain < chains; ++chain) add_term(chain);
    }
    for (; p < k; ++p) add_term(0);
  }
  const LastVector<D> c_last = {d, tile.c_last};
  T* c = tile.c;
  HWY_UNROLL(12)
  for (std::size_t i = 0; i < rows; ++i, c += c_row) {
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < vectors; ++j) {
      auto total = sum[0][i][j];
      HWY_UNROLL(4)
      for (std::size_t chain = 1; chain < chains; ++chain) total = hn::Add(total, sum[chain][i][j]);
      if (whole || j + 1 < vectors) {
        hn::StoreU(accumulate ? hn::Add(hn::LoadU(d, c + j * n), total) : total, d, c + j * n);
      } else {
        c_last.store(accumulate ? hn::Add(c_last.load(c + j * n), total) : total, c + j * n);
      }
    }
  }
}

template <typename T>
using TileFunction = void (*)(const Tile<T>&);

// A vector of one element is always whole.
constexpr bool all_are_whole = HWY_TARGET == HWY_SCALAR;

template <class D, std::size_t vectors, typename T, std::size_t... i>
constexpr std::array<TileFunction<T>, sizeof...(i)> tile_functions(std::index_sequence<i...>) {
  return {multiply_tile<D, i + 1, vectors, 1, all_are_whole, T>...};
}

// What so many columns take: 0, a short vector, 1, a vector, or 2, more.
template <typename T>
std::size_t vectors_for(std::size_t columns) {
  return columns > vector_length<T> ? 2 : columns > hn::MaxLanes(ShortLanes<T>()) ? 1 : 0;
}

// The function for a tile of 1 … tile_rows rows and so many columns, up to tile_vectors vectors; those that large
// products are made of do not look for a last vector.
template <typename T>
TileFunction<T> tile_function(std::size_t rows, std::size_t columns, bool whole) {
  constexpr auto sizes = std::make_index_sequence<tile_rows>();
  constexpr std::size_t step = tile_rows / 3;
  static constexpr std::array<std::array<TileFunction<T>, tile_rows>, tile_vectors + 1> functions = {
      tile_functions<ShortLanes<T>, 1, T>(sizes), tile_functions<Lanes<T>, 1, T>(sizes),
      tile_functions<Lanes<T>, 2, T>(sizes)};
  static constexpr std::array<TileFunction<T>, 3> whole_functions = {multiply_tile<Lanes<T>, step, 2, 1, true, T>,
                                                                     multiply_tile<Lanes<T>, 2 * step, 2, 1, true, T>,
                                                                     multiply_tile<Lanes<T>, 3 * step, 2, 1, true, T>};
  if (whole && columns > vector_length<T> && rows % step == 0) return whole_functions[rows / step - 1];
  return functions[vectors_for<T>(columns)][rows - 1];
}

// Up to so many vectors of sums are added up in two chains, and those of one row.
constexpr bool are_few_sums(std::size_t rows, std::size_t vectors) { return rows == 1 || rows * vectors <= 4; }

template <std::size_t rows, typename T, std::size_t... i>
constexpr std::array<TileFunction<T>, wide_vectors> wide_functions(std::index_sequence<i...>) {
  return {multiply_tile<Lanes<T>, rows, i + 1, (are_few_sums(rows, i + 1) ? 2 : 1), all_are_whole, T>...};
}

template <typename T, std::size_t... row>
constexpr std::array<std::array<TileFunction<T>, wide_vectors>, wide_rows> all_wide_functions(
    std::index_sequence<row...>) {
  return {wide_functions<row + 1, T>(std::make_index_sequence<vectors_of_rows(row + 1)>())...};
}

// The function for a tile of 1 … wide_rows rows and so many vectors.
template <typename T>
TileFunction<T> wide_function(std::size_t rows, std::size_t vectors) {
  static constexpr auto functions = all_wide_functions<T>(std::make_index_sequence<wide_rows>());
  return functions[rows - 1][vectors - 1];
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
