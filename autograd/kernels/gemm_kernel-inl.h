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
#include <utility>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>
#include <wengert/autograd/kernels/register-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Tiles of blocks ask for so many rows at a time, others for one with each term.
constexpr std::size_t rows_asked = 2;

// What will be needed after a tile, a tile's columns wide: rows that are asked for one after the other, every so many
// terms.
template <typename T>
struct Ahead {
  const T* at = nullptr;
  std::size_t row = 0;
  std::size_t terms = 1;
  std::size_t strip = 0;  // from what one strip asks for to what the next one does
};

// One tile's work: C (+)= A · B over k terms. Element (i, p) of A is at a[i · a_row + p · a_column], row p of B at
// b + p · b_row. Where all vectors of C are whole: so for strips of as many rows, one below the other, whose rows of A
// begin `a_strip` apart.
template <typename T>
struct Tile {
  std::size_t k = 0;
  const T* a = nullptr;
  std::size_t a_row = 0;
  std::size_t a_column = 0;
  const T* b = nullptr;
  std::size_t b_row = 0;
  std::size_t b_last = 0;  // elements of B's last vector that may be read
  T* c = nullptr;
  std::size_t c_row = 0;
  std::size_t c_last = 0;  // elements of the last vector that belong to C
  bool accumulate = false;
  Ahead<T> ahead = {};
  std::size_t strips = 1;
  std::size_t a_strip = 0;
};

// Of the rows of A, one of so many has a pointer: how far it is from there to the others, registers hold.
constexpr std::size_t rows_of_pointer = 6;

// Adds one term to a tile's sums.
template <bool whole, class D, std::size_t rows, std::size_t vectors, std::size_t pointers, typename T>
HWY_INLINE void add_term(D d, const T* const (&a)[pointers], std::size_t a_row, const T* b, const LastVector<D>& b_last,
                         hn::Vec<D> (&sum)[rows][vectors]) {
  constexpr std::size_t n = hn::MaxLanes(D());
  hn::Vec<D> row[vectors];
  HWY_UNROLL(4)
  for (std::size_t j = 0; j < vectors; ++j) {
    auto v = whole || j + 1 < vectors ? hn::LoadU(d, b + j * n) : b_last.load(b + j * n);
    if constexpr (rows > 1) keep_in_register(v);
    row[j] = v;
  }
  HWY_UNROLL(12)
  for (std::size_t i = 0; i < rows; ++i) {
    const auto factor = hn::Set(d, a[i / rows_of_pointer][i % rows_of_pointer * a_row]);
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < vectors; ++j) sum[i][j] = hn::MulAdd(factor, row[j], sum[i][j]);
  }
}

// Writes a tile's sums, those of all chains together.
template <bool whole, class D, std::size_t chains, std::size_t rows, std::size_t vectors, typename T>
HWY_INLINE void write_sums(D d, const hn::Vec<D> (&sum)[chains][rows][vectors], bool accumulate, T* c,
                           std::size_t c_row, const LastVector<D>& c_last) {
  constexpr std::size_t n = hn::MaxLanes(D());
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

// The terms are added in order; where there are few sums, by `chains` of every so many terms, for one addition has to
// wait for the one before.
template <class D, std::size_t rows, std::size_t vectors, std::size_t chains, bool whole, typename T>
void multiply_tile(const Tile<T>& tile) {
  const D d;
  constexpr std::size_t n = hn::MaxLanes(D()), pointers = quotient_up(rows, rows_of_pointer);
  // No more instructions than are due: a core that is shared issues few beside the multiplications.
  constexpr bool is_of_blocks = whole && chains == 1;
  constexpr std::size_t asked = is_of_blocks ? rows_asked : rows > 1 ? 1 : 0;
  const std::size_t a_row = tile.a_row;
  const std::size_t a_column = tile.a_column;
  const std::size_t b_row = tile.b_row;
  const std::size_t c_row = tile.c_row;
  const bool accumulate = tile.accumulate;
  const LastVector<D> b_last = {d, tile.b_last};
  const LastVector<D> c_last = {d, tile.c_last};
  const std::size_t ahead_row = tile.ahead.row;
  const std::size_t ahead_terms = is_of_blocks ? tile.ahead.terms : chains;
  const T* a_begin = tile.a;
  const T* ahead_begin = tile.ahead.at;
  T* c = tile.c;
  std::size_t strips = tile.strips;
  do {
    hn::Vec<D> sum[chains][rows][vectors];
    HWY_UNROLL(4)
    for (std::size_t chain = 0; chain < chains; ++chain) {
      HWY_UNROLL(12)
      for (std::size_t i = 0; i < rows; ++i) {
        HWY_UNROLL(4)
        for (std::size_t j = 0; j < vectors; ++j) sum[chain][i][j] = hn::Zero(d);
      }
    }
    const T* a[pointers];
    HWY_UNROLL(2)
    for (std::size_t i = 0; i < pointers; ++i) a[i] = a_begin + i * rows_of_pointer * a_row;
    const T* b = tile.b;
    const T* ahead = ahead_begin;
    std::size_t left = tile.k;
    do {  // k is not 0: a loop that might be left at once takes more to prepare
      HWY_UNROLL(2)
      for (std::size_t i = 0; i < asked; ++i, ahead += ahead_row) {
        HWY_UNROLL(4)
        for (std::size_t j = 0; j < vectors; ++j) hwy::Prefetch(ahead + j * n);
      }
      std::size_t some = is_of_blocks || chains > 1 ? std::min(left, ahead_terms) : 1;
      left -= some;
      do {
        HWY_UNROLL(4)
        for (std::size_t chain = 0; chain < chains; ++chain) {
          if (chains > 1 && chain >= some) break;
          add_term<whole>(d, a, a_row, b, b_last, sum[chain]);
          HWY_UNROLL(2)
          for (std::size_t i = 0; i < pointers; ++i) a[i] += a_column;
          b += b_row;
        }
      } while (is_of_blocks && --some != 0);
    } while (left != 0);
    write_sums<whole>(d, sum, accumulate, c, c_row, c_last);
    a_begin += tile.a_strip;
    ahead_begin += tile.ahead.strip;
    c += rows * c_row;
  } while (is_of_blocks && --strips != 0);
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
// products are made of, of whole steps and vectors, do not look for a last vector.
template <typename T>
TileFunction<T> tile_function(std::size_t rows, std::size_t columns, bool is_whole) {
  constexpr auto sizes = std::make_index_sequence<tile_rows>();
  static constexpr std::array<std::array<TileFunction<T>, tile_rows>, tile_vectors + 1> functions = {
      tile_functions<ShortLanes<T>, 1, T>(sizes), tile_functions<Lanes<T>, 1, T>(sizes),
      tile_functions<Lanes<T>, 2, T>(sizes)};
  static constexpr std::array<TileFunction<T>, 3> whole_functions = {
      multiply_tile<Lanes<T>, step_rows, 2, 1, true, T>, multiply_tile<Lanes<T>, 2 * step_rows, 2, 1, true, T>,
      multiply_tile<Lanes<T>, 3 * step_rows, 2, 1, true, T>};
  return is_whole ? whole_functions[rows / step_rows - 1] : functions[vectors_for<T>(columns)][rows - 1];
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
