// Tiles of the floating matrix product, compiled once per instruction set: the product of a few rows with a few vectors
// of columns, kept in registers (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; Van
// Zee and van de Geijn, "BLIS", 2015).

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_TILE_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_TILE_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_TILE_INL_H_
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

// What will be needed after a tile, a tile's columns wide: rows that are asked for one after the other.
template <typename T>
struct Ahead {
  const T* at = nullptr;
  std::size_t row = 0;
  std::size_t steps = 1;  // of strips: how many they take until they ask again
  std::size_t strip = 0;  // and from what one asks for to what the next one does
};

// One tile's work: C (+)= A · B over k terms. Element (i, p) of A is at a[i · a_row + p · a_column], row p of B at
// b + p · b_row. Or that of strips of as many rows, one below the other, whose rows of A begin `a_strip` apart.
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

// Adds one term to a tile's sums, the only one or one of those `in_step`.
template <bool whole, bool in_step, class D, std::size_t rows, std::size_t vectors, std::size_t pointers, typename T>
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
    if constexpr (in_step) is_used_until_here(factor);
  }
  if constexpr (in_step) {
    HWY_UNROLL(4)
    for (std::size_t j = 0; j < vectors; ++j) is_used_until_here(row[j]);
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

// The pointers that lead to all rows.
template <std::size_t pointers, typename T>
HWY_INLINE void point(const T* (&a)[pointers], const T* first, std::size_t a_row) {
  HWY_UNROLL(2)
  for (std::size_t i = 0; i < pointers; ++i) a[i] = first + i * rows_of_pointer * a_row;
}

template <std::size_t pointers, typename T>
HWY_INLINE void advance(const T* (&a)[pointers], std::size_t by) {
  HWY_UNROLL(2)
  for (std::size_t i = 0; i < pointers; ++i) a[i] += by;
}

template <class D, std::size_t chains, std::size_t rows, std::size_t vectors>
HWY_INLINE void set_to_zero(D d, hn::Vec<D> (&sum)[chains][rows][vectors]) {
  HWY_UNROLL(4)
  for (std::size_t chain = 0; chain < chains; ++chain) {
    HWY_UNROLL(12)
    for (std::size_t i = 0; i < rows; ++i) {
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < vectors; ++j) sum[chain][i][j] = hn::Zero(d);
    }
  }
}

// Asks for the next of what is ahead.
template <class D, std::size_t vectors, typename T>
HWY_INLINE void ask(const T*& ahead, std::size_t row) {
  HWY_UNROLL(4)
  for (std::size_t j = 0; j < vectors; ++j) hwy::Prefetch(ahead + j * hn::MaxLanes(D()));
  ahead += row;
}

// A vector of one element is always whole.
constexpr bool all_are_whole = HWY_TARGET == HWY_SCALAR;

// A tile whose last vector may be less than whole. The terms are added in order; where there are few sums, by `chains`
// of every so many terms, for one addition has to wait for the one before.
template <class D, std::size_t rows, std::size_t vectors, std::size_t chains, typename T>
void multiply_tile(const Tile<T>& tile) {
  const D d;
  const std::size_t a_row = tile.a_row;
  const std::size_t a_column = tile.a_column;
  const std::size_t b_row = tile.b_row;
  const std::size_t ahead_row = tile.ahead.row;
  const LastVector<D> b_last = {d, tile.b_last};
  hn::Vec<D> sum[chains][rows][vectors];
  set_to_zero(d, sum);
  const T* a[quotient_up(rows, rows_of_pointer)];
  point(a, tile.a, a_row);
  const T* b = tile.b;
  const T* ahead = tile.ahead.at;
  std::size_t left = tile.k;
  do {  // k is not 0: a loop that might be left at once takes more to prepare
    if (rows > 1) ask<D, vectors>(ahead, ahead_row);
    const std::size_t some = chains > 1 ? std::min(left, chains) : 1;
    left -= some;
    HWY_UNROLL(4)
    for (std::size_t chain = 0; chain < chains; ++chain) {
      if (chains > 1 && chain >= some) break;
      add_term<all_are_whole, false>(d, a, a_row, b, b_last, sum[chain]);
      advance(a, a_column);
      b += b_row;
    }
  } while (left != 0);
  write_sums<all_are_whole>(d, sum, tile.accumulate, tile.c, tile.c_row, {d, tile.c_last});
}

template <typename T>
using TileFunction = void (*)(const Tile<T>&);

template <class D, std::size_t vectors, typename T, std::size_t... i>
constexpr std::array<TileFunction<T>, sizeof...(i)> tile_functions(std::index_sequence<i...>) {
  return {multiply_tile<D, i + 1, vectors, 1, T>...};
}

// The function for a tile of so many columns, up to tile_vectors vectors, and 1 … tile_rows rows; of one vector up to
// narrow_rows.
template <typename T>
TileFunction<T> tile_function(std::size_t rows, std::size_t columns) {
  static constexpr auto two = tile_functions<Lanes<T>, 2, T>(std::make_index_sequence<tile_rows>());
  constexpr auto sizes = std::make_index_sequence<narrow_rows>();
  static constexpr std::array<std::array<TileFunction<T>, narrow_rows>, tile_vectors> narrow = {
      tile_functions<ShortLanes<T>, 1, T>(sizes), tile_functions<Lanes<T>, 1, T>(sizes)};
  const std::size_t vectors = vectors_for<T>(columns);
  return vectors == tile_vectors ? two[rows - 1] : narrow[vectors][rows - 1];
}

// Up to so many vectors of sums are added up in two chains, and those of one row.
constexpr bool are_few_sums(std::size_t rows, std::size_t vectors) { return rows == 1 || rows * vectors <= 4; }

template <std::size_t rows, typename T, std::size_t... i>
constexpr std::array<TileFunction<T>, wide_vectors> wide_functions(std::index_sequence<i...>) {
  return {multiply_tile<Lanes<T>, rows, i + 1, (are_few_sums(rows, i + 1) ? 2 : 1), T>...};
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
