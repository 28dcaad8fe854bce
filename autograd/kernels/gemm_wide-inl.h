// Products of few rows, compiled once per instruction set: tiles as wide as registers allow.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_WIDE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_WIDE_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_WIDE_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_WIDE_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_ranges-inl.h>
#include <wengert/autograd/kernels/gemm_tile-inl.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Up to so many rows of A are multiplied by wide tiles, in one strip or two.
constexpr std::size_t flat_rows = 8;
static_assert(flat_rows <= 2 * wide_rows);
// By a B that no cache keeps in one strip alone, of what is less than a tile of blocks.
constexpr std::size_t strip_rows = std::min(flat_rows, tile_rows - 1);

// Whether rows of B are contiguous, far apart, and more than a cache keeps.
template <typename T>
bool is_big_b(const Problem<T>& problem) {
  return is_beyond(problem.b, problem.n * problem.k, std::size_t{2} << 20);
}

// Two strips of rows read B twice: that pays for some vectors of it, from a cache.
template <typename T>
bool is_for_wide_tiles(const Problem<T>& problem) {
  if (problem.b.column != 1) return false;
  if (problem.m <= thin_rows) return true;
  const std::size_t b_bytes = problem.b.row * problem.k * sizeof(T);
  const bool reads_twice = problem.n > tile_vectors * vector_length<T> && b_bytes <= std::size_t{1} << 20;
  return problem.m <= (reads_twice ? flat_rows : is_big_b(problem) ? strip_rows : wide_rows);
}

// Of a big B so many terms are added at a time, for one row and for few: with all of a block each term would be on
// another page, with fewer C would be read and written too often (measured: docs/decisions/0016-products-by-shape.md).
constexpr std::size_t terms_of_one_row = 8, terms_of_few_rows = 16;
constexpr std::size_t bytes_ahead = 512;

// One row by so many rows of a big B, each of which is asked for ahead.
template <typename T>
void multiply_one_row(const Problem<T>& row, bool accumulate) {
  using D = Lanes<T>;
  const D d;
  constexpr std::size_t terms = terms_of_one_row, v = vector_length<T>;
  hn::Vec<D> factor[terms];
  HWY_UNROLL(8)
  for (std::size_t p = 0; p < terms; ++p) factor[p] = hn::Set(d, row.a.data[p * row.a.column]);
  const std::size_t n = row.n, b_row = row.b.row;
  const T* b = row.b.data;
  T* const c = row.c;
  const auto add_terms = [&](std::size_t j, const auto& load) HWY_ATTR {
    auto sum = hn::Zero(d);
    HWY_UNROLL(8)
    for (std::size_t p = 0; p < terms; ++p) sum = hn::MulAdd(factor[p], load(b + p * b_row + j), sum);
    return accumulate ? hn::Add(load(c + j), sum) : sum;
  };
  const auto whole = [=](const T* from) HWY_ATTR { return hn::LoadU(d, from); };
  constexpr std::size_t line = std::max<std::size_t>(64 / sizeof(T), v);
  std::size_t j = 0;
  for (; j + line <= n; j += line) {
    HWY_UNROLL(8)
    for (std::size_t p = 0; p < terms; ++p) hwy::Prefetch(b + p * b_row + j + bytes_ahead / sizeof(T));
    HWY_UNROLL(4)
    for (std::size_t i = j; i < j + line; i += v) hn::StoreU(add_terms(i, whole), d, c + i);
  }
  for (; j + v <= n; j += v) hn::StoreU(add_terms(j, whole), d, c + j);
  if (j < n) {
    const LastVector<D> last = {d, n - j};
    last.store(add_terms(j, [&](const T* from) HWY_ATTR { return last.load(from); }), c + j);
  }
}

// One tile: as many columns as make one. By a big B it asks for what the next one reads of the same rows, else for rows
// further down.
template <typename T>
void multiply_columns(const Problem<T>& strip, const ProductPlan<T>& plan, Range columns, bool accumulate) {
  constexpr std::size_t rows_ahead = 4;
  const T* const from = strip.b.data + columns.begin;
  const std::size_t vectors = quotient_up(columns.size, vector_length<T>);
  const std::size_t last = columns.size - (vectors - 1) * vector_length<T>;
  const bool is_wide = vectors > tile_vectors || plan.has_few_sums;
  (is_wide ? wide_function<T>(strip.m, vectors) : tile_function<T>(strip.m, columns.size))(
      {.k = strip.k,
       .a = strip.a.data,
       .a_row = strip.a.row,
       .a_column = strip.a.column,
       .b = from,
       .b_row = strip.b.row,
       .b_last = last,
       .c = strip.c + columns.begin,
       .c_row = strip.ldc,
       .c_last = last,
       .accumulate = accumulate,
       .ahead = {from + (plan.is_big ? columns.size : rows_ahead * strip.b.row), strip.b.row}});
}

// One strip of rows by some rows of B. The last two tiles are as even as can be: in few sums each addition waits for
// the one before.
template <typename T>
void multiply_strip(const Problem<T>& strip, const ProductPlan<T>& plan, bool accumulate) {
  constexpr std::size_t v = vector_length<T>;
  const std::size_t m = strip.m, n = strip.n;
  // Terms that are left over, fewer than eight, are left to tiles.
  if (plan.is_big && m == 1 && strip.k == terms_of_one_row) return multiply_one_row(strip, accumulate);
  const std::size_t most = vectors_of_rows(m);
  for (std::size_t j = 0, width = 0; j < n; j += width) {
    const std::size_t left = quotient_up(n - j, v);
    const std::size_t vectors = left <= most ? left : left >= 2 * most ? most : quotient_up(left, 2);
    width = std::min(vectors * v, n - j);
    multiply_columns(strip, plan, {j, width}, accumulate);
  }
}

template <typename T>
void multiply_wide(const Problem<T>& problem, const ProductPlan<T>& plan) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  const std::size_t vectors = quotient_up(n, vector_length<T>);
  const bool is_one_tile = m <= wide_rows && vectors <= vectors_of_rows(m) && k <= plan.terms;
  if (is_one_tile && !plan.is_big)  // nothing to prepare
    return multiply_columns(problem, plan, {0, n}, false);
  const std::size_t rows = m > wide_rows && !plan.is_big ? quotient_up(m, 2) : m;
  Problem<T> strip = problem;
  for (std::size_t p = 0; p < k; p += plan.terms) {
    strip.k = std::min(plan.terms, k - p);
    strip.b.data = b.data + p * b.row;
    for (std::size_t i = 0; i < m; i += rows) {
      strip.m = std::min(rows, m - i);
      strip.a.data = a.data + i * a.row + p * a.column;
      strip.c = c + i * ldc;
      multiply_strip(strip, plan, p > 0);
    }
  }
}

template <typename T>
ProductPlan<T> wide_plan(const Problem<T>& problem) {
  const bool is_big = is_big_b(problem);
  return {.multiply = multiply_wide<T>,
          .terms = is_big ? (problem.m == 1 ? terms_of_one_row : terms_of_few_rows) : problem.terms(),
          .has_few_sums = are_few_sums(problem.m, quotient_up(problem.n, vector_length<T>)),
          .is_big = is_big};
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
