// Strips of whole tiles, which large products are made of, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_STRIPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_STRIPS_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_STRIPS_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_STRIPS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_tile-inl.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// How strips add terms: one by one, or some in a step where elements of A are next to each other in its columns or in
// its rows. A core that is shared issues few instructions beside the multiplications, and of those that advance and
// count one in four is left.
enum class StripsKind { one_by_one, in_columns, in_rows };

// Of f64 twice the bytes come from the caches, which are the limit then; and machines without vectors are not worth
// more functions.
template <typename T>
constexpr bool adds_in_steps = sizeof(T) == 4 && HWY_TARGET != HWY_SCALAR;

constexpr std::size_t terms_of_step(StripsKind kind) { return kind == StripsKind::one_by_one ? 1 : 4; }

// Before some steps, rows ahead are asked for, so many.
constexpr std::size_t rows_asked = 2;

// One by one where rows of B are so far apart that a processor foresees the next one only if one instruction reads them
// all, or where the steps would be too few to ask for all rows of C.
template <typename T>
StripsKind kind_of_strips(std::size_t terms, std::size_t b_row, bool in_rows) {
  const StripsKind in_steps = in_rows ? StripsKind::in_rows : StripsKind::in_columns;
  const bool are_few = rows_asked * (terms / terms_of_step(in_steps)) < tile_rows;
  return !adds_in_steps<T> || are_few || are_far<T>(b_row) ? StripsKind::one_by_one : in_steps;
}

// Strips of whole vectors, by one panel of B; terms are added in order.
template <class D, std::size_t rows, StripsKind kind, typename T>
void multiply_strips(const Tile<T>& tile) {
  const D d;
  constexpr bool in_rows = kind == StripsKind::in_rows, in_columns = kind == StripsKind::in_columns;
  constexpr std::size_t pointers = in_columns ? 1 : quotient_up(rows, rows_of_pointer), step = terms_of_step(kind);
  const LastVector<D> last = {d, hn::MaxLanes(d)};
  const std::size_t a_row = in_columns ? 1 : tile.a_row;
  const std::size_t a_column = in_rows ? 1 : tile.a_column;
  const std::size_t b_row = tile.b_row;
  const std::size_t c_row = tile.c_row;
  const bool accumulate = tile.accumulate;
  const std::size_t ahead_row = tile.ahead.row;
  const std::size_t ahead_steps = tile.ahead.steps;
  const T* a_begin = tile.a;
  const T* ahead_begin = tile.ahead.at;
  T* c = tile.c;
  std::size_t strips = tile.strips;
  do {
    hn::Vec<D> sum[1][rows][tile_vectors];
    set_to_zero(d, sum);
    const T* a[pointers];
    point(a, a_begin, a_row);
    const T* b = tile.b;
    const T* ahead = ahead_begin;
    for (std::size_t left = tile.k / step; left != 0;) {
      HWY_UNROLL(2)
      for (std::size_t i = 0; i < rows_asked; ++i) ask<D, tile_vectors>(ahead, ahead_row);
      std::size_t some = std::min(left, ahead_steps);
      left -= some;
      do {
        HWY_UNROLL(4)
        for (std::size_t p = 0; p < step; ++p) {
          // Pointers of its own: g++ would else compute where each element is beforehand, and keep that in memory.
          const T* term[pointers];
          HWY_UNROLL(2)
          for (std::size_t i = 0; i < pointers; ++i) term[i] = a[i] + p * a_column;
          add_term<true, (step > 1)>(d, term, a_row, b + p * b_row, last, sum[0]);
        }
        advance(a, step * a_column);
        b += step * b_row;
      } while (--some != 0);
    }
    for (std::size_t left = tile.k % step; left != 0; --left) {
      add_term<true, false>(d, a, a_row, b, last, sum[0]);
      advance(a, a_column);
      b += b_row;
    }
    write_sums<true>(d, sum, accumulate, c, c_row, last);
    a_begin += tile.a_strip;
    ahead_begin += tile.ahead.strip;
    c += rows * c_row;
  } while (--strips != 0);
}

template <StripsKind kind, typename T, std::size_t... i>
constexpr std::array<TileFunction<T>, sizeof...(i)> strips_functions(std::index_sequence<i...>) {
  return {multiply_strips<Lanes<T>, (i + 1) * step_rows, kind, T>...};
}

// The function for strips of so many rows, whole steps of them, by whole vectors.
template <typename T>
TileFunction<T> strips_function(std::size_t rows, StripsKind kind) {
  using enum StripsKind;
  constexpr auto sizes = std::make_index_sequence<tile_rows / step_rows>();
  static constexpr auto one = strips_functions<one_by_one, T>(sizes);
  const std::size_t size = rows / step_rows - 1;
  if constexpr (adds_in_steps<T>) {
    static constexpr auto along_columns = strips_functions<in_columns, T>(sizes);
    static constexpr auto along_rows = strips_functions<in_rows, T>(sizes);
    if (kind != one_by_one) return (kind == in_rows ? along_rows : along_columns)[size];
  }
  return one[size];
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
