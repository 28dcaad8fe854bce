// Products of few terms, compiled once per instruction set: what they take is the writing of C.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_TERMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_TERMS_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_TERMS_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_TERMS_INL_H_
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

// So many of A's elements are kept. Those that AVX-512 has no register left for are read by the multiplication itself.
constexpr std::size_t most_factors = HWY_TARGET <= HWY_AVX3 ? 4 * few_terms : 2 * tile_rows;

// Where the columns fit a vector, or two: B stays in registers.
template <class D, std::size_t vectors, std::size_t k, typename T>
void multiply_few_terms_narrow(const Problem<T>& problem) {
  const D d;
  constexpr std::size_t before_last = (vectors - 1) * hn::MaxLanes(D());
  const LastVector<D> last = {d, problem.n - before_last};
  hn::Vec<D> first[k], row[k];
  HWY_UNROLL(8)
  for (std::size_t p = 0; p < k; ++p) {
    const T* const b = problem.b.data + p * problem.b.row;
    if constexpr (vectors > 1) first[p] = hn::LoadU(d, b);
    row[p] = last.load(b + before_last);
  }
  const std::size_t a_row = problem.a.row, a_column = problem.a.column, ldc = problem.ldc;
  const T* a = problem.a.data;
  T* c = problem.c;
  // Beyond a row lies the next one, which is written after it: but for the last rows, whole vectors may be stored,
  // where there are no fast masks.
  constexpr std::size_t reach = before_last + hn::MaxLanes(D());
  const bool may_reach_on = HWY_TARGET != HWY_AVX3 && ldc == problem.n && problem.m * ldc >= reach;
  const std::size_t first_masked = may_reach_on ? (problem.m * ldc - reach) / ldc + 1 : 0;
  HWY_UNROLL(2)
  for (std::size_t i = 0; i < problem.m; ++i, a += a_row, c += ldc) {
    hn::Vec<D> first_sum = hn::Zero(d), sum = first_sum;
    HWY_UNROLL(8)
    for (std::size_t p = 0; p < k; ++p) {
      const auto factor = hn::Set(d, a[p * a_column]);
      if constexpr (vectors > 1) first_sum = hn::MulAdd(factor, first[p], first_sum);
      sum = hn::MulAdd(factor, row[p], sum);
    }
    if constexpr (vectors > 1) hn::StoreU(first_sum, d, c);
    i < first_masked ? hn::StoreU(sum, d, c + before_last) : last.store(sum, c + before_last);
  }
}

// Where there are more: A's elements for some rows stay in registers, if they are few enough, and C is written along
// its rows. The last of these rows and of their vectors are moved back to end with C, if it is large enough: what is
// computed twice is the same.
template <std::size_t rows, std::size_t vectors, std::size_t k, typename T>
void multiply_few_terms_wide(const Problem<T>& problem) {
  using D = Lanes<T>;
  const D d;
  constexpr std::size_t n = hn::MaxLanes(D());
  // A store that lies on two lines, neither of them at hand, keeps all later ones waiting.
  constexpr std::size_t ahead = 256 / sizeof(T);
  const std::size_t columns = problem.n, last_row = problem.m - 1, ldc = problem.ldc;
  const std::size_t a_row = problem.a.row, a_column = problem.a.column, b_row = problem.b.row;
  const std::size_t last_rows = problem.m < rows ? 0 : problem.m - rows;
  for (std::size_t i = 0; i <= last_row; i += rows) {
    if constexpr (vectors > 1) {
      const std::size_t left = problem.m - i;
      if (left <= rows / 2) return multiply_few_terms_wide<1, 1, k>(problem.rows(i, left));  // cheaper one by one
    }
    const std::size_t first = std::min(i, last_rows);
    const T* const a = problem.a.data + first * a_row;
    T* const c = problem.c + first * ldc;
    hn::Vec<D> factor[rows][k];
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < rows; ++r) {
      HWY_UNROLL(8)
      for (std::size_t p = 0; p < k; ++p) factor[r][p] = hn::Set(d, a[std::min(r, last_row) * a_row + p * a_column]);
    }
    for (std::size_t step = 0; step < columns; step += vectors * n) {
      const std::size_t j = std::min(step, columns - vectors * n);
      hn::Vec<D> sum[rows][vectors];
      HWY_UNROLL(8)
      for (std::size_t r = 0; r < rows; ++r) {
        HWY_UNROLL(2)
        for (auto& s : sum[r]) s = hn::Zero(d);
      }
      HWY_UNROLL(8)
      for (std::size_t p = 0; p < k; ++p) {
        hn::Vec<D> row[vectors];
        HWY_UNROLL(2)
        for (std::size_t v = 0; v < vectors; ++v) {
          row[v] = hn::LoadU(d, problem.b.data + p * b_row + j + v * n);
          keep_in_register(row[v]);
        }
        HWY_UNROLL(8)
        for (std::size_t r = 0; r < rows; ++r) {
          HWY_UNROLL(2)
          for (std::size_t v = 0; v < vectors; ++v) sum[r][v] = hn::MulAdd(factor[r][p], row[v], sum[r][v]);
        }
      }
      HWY_UNROLL(8)
      for (std::size_t r = 0; r < rows; ++r) {
        T* const to = c + std::min(r, last_row) * ldc + j;
        HWY_UNROLL(2)
        for (std::size_t v = 0; v < vectors; ++v) {
          hn::StoreU(sum[r][v], d, to + v * n);
          hwy::Prefetch(to + v * n + ahead);
        }
      }
    }
  }
}

template <typename T>
using ProductFunction = void (*)(const Problem<T>&);

// A pass over C: its vectors of columns, and its rows, at most. Where not even two rows of A stay in registers, it is
// as wide and as high as a tile.
template <std::size_t k>
constexpr bool keeps_factors = most_factors / k >= 2;
template <std::size_t k>
constexpr std::size_t vectors_of_pass = keeps_factors<k> ? 1 : tile_vectors;
template <std::size_t k>
constexpr std::size_t rows_of_pass(std::size_t most) {
  return keeps_factors<k> ? std::min(most, most_factors / k) : tile_rows;
}
// Where three rows cost as much for each as four, those for a C that four divide no better.
template <std::size_t k>
constexpr std::size_t fewer_rows = k > 6 ? 3 : 4;

// How C is written: a short vector of columns for each row, a vector, two; or in passes along its rows, of several of
// them, of fewer, of one. The first three as `vectors_for` counts.
enum Form : std::size_t { short_vector, one_vector, two_vectors, passes, shorter_passes, single_rows, forms };

// By form and number of terms.
template <typename T, std::size_t... p>
constexpr std::array<std::array<ProductFunction<T>, sizeof...(p)>, forms> few_terms_functions(
    std::index_sequence<p...>) {
  return {{{multiply_few_terms_narrow<ShortLanes<T>, 1, p + 1, T>...},
           {multiply_few_terms_narrow<Lanes<T>, 1, p + 1, T>...},
           {multiply_few_terms_narrow<Lanes<T>, 2, p + 1, T>...},
           {multiply_few_terms_wide<rows_of_pass<p + 1>(4), vectors_of_pass<p + 1>, p + 1, T>...},
           {multiply_few_terms_wide<rows_of_pass<p + 1>(fewer_rows<p + 1>), vectors_of_pass<p + 1>, p + 1, T>...},
           {multiply_few_terms_wide<1, 1, p + 1, T>...}}};
}

// By the function for how C is written and how many terms there are.
template <typename T>
void multiply_few_terms_by(Form form, const Problem<T>& problem) {
  static constexpr auto functions = few_terms_functions<T>(std::make_index_sequence<few_terms>());
  functions[form][problem.k - 1](problem);
}

// So many columns at a time that B stays in a cache: the first-level one, but for a C that is written to memory, along
// its rows, where passes read B for several of them; or two vectors, for many rows of a small C that is made of such.
template <typename T>
HWY_NOINLINE void multiply_in_passes(const Problem<T>& problem, std::size_t narrow) {
  constexpr std::size_t pair = 2 * vector_length<T>;
  const std::size_t c_bytes = problem.m * problem.n * sizeof(T);
  const bool is_small = problem.m >= 48 && c_bytes <= std::size_t{64} << 10;
  const bool writes_far = HWY_TARGET <= HWY_AVX3 && c_bytes > std::size_t{1} << 20;
  std::size_t most = writes_far ? 2048 : (std::size_t{16} << 10) / (problem.k * sizeof(T));
  if (is_small && problem.n <= 3 * pair && problem.n % pair == 0) most = pair;
  const bool is_by_row = problem.m == 1 || (problem.m == 2 && problem.k <= few_terms / 2);
  const bool divides_by_three = round_up(problem.m, 3) <= round_up(problem.m, 4);
  const Form wide = is_by_row ? single_rows : divides_by_three ? shorter_passes : passes;
  for (std::size_t j = 0; j < problem.n; j += most) {
    const std::size_t columns = std::min(most, problem.n - j);
    multiply_few_terms_by(columns <= narrow ? Form{vectors_for<T>(columns)} : wide, problem.columns(j, columns));
  }
}

// C = A · B, where rows of B are contiguous.
template <typename T>
void multiply_few_terms(const Problem<T>& problem) {
  // Two vectors of columns, of which one is not whole, are written to a large C sooner by passes, if terms are fewest.
  const bool is_large = problem.m * problem.n * sizeof(T) > std::size_t{32} << 10;
  const std::size_t narrow = (problem.k <= 2 && is_large ? 1 : 2) * vector_length<T>;
  if (problem.n > narrow) return multiply_in_passes(problem, narrow);
  multiply_few_terms_by(Form{vectors_for<T>(problem.n)}, problem);
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
