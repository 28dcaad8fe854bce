// Sums of products, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_SUM_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_SUM_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_SUM_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstddef>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_blocked-inl.h>
#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>
#include <wengert/autograd/kernels/register-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Vectors side by side, of which the last may be less than whole.
template <class D, std::size_t count>
struct SideBySide {
  using T = hn::TFromD<D>;
  static constexpr std::size_t before_last = (count - 1) * hn::MaxLanes(D());
  LastVector<D> last;

  HWY_INLINE void load(const T* from, hn::Vec<D> (&vectors)[count]) const {
    HWY_UNROLL(2)
    for (std::size_t v = 0; v + 1 < count; ++v) vectors[v] = hn::LoadU(D(), from + v * hn::MaxLanes(D()));
    vectors[count - 1] = last.load(from + before_last);
  }
  HWY_INLINE void store(const hn::Vec<D> (&vectors)[count], T* to) const {
    HWY_UNROLL(2)
    for (std::size_t v = 0; v + 1 < count; ++v) hn::StoreU(vectors[v], D(), to + v * hn::MaxLanes(D()));
    last.store(vectors[count - 1], to + before_last);
  }
};

// One product, added to `total`, that of rows of A that begin at `a_rows`: of one term, as it is made …
template <std::size_t rows, std::size_t vectors, typename T>
HWY_INLINE void add_term_of(const T* a, const std::array<std::size_t, rows>& a_rows, const T* b,
                            const SideBySide<Lanes<T>, vectors>& columns, hn::Vec<Lanes<T>> (&total)[rows][vectors]) {
  const Lanes<T> d;
  hn::Vec<Lanes<T>> row[vectors];
  columns.load(b, row);
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < rows; ++r) {
    const auto factor = hn::Set(d, a[a_rows[r]]);
    HWY_UNROLL(2)
    for (std::size_t v = 0; v < vectors; ++v)
      total[r][v] = hn::Add(total[r][v], hn::MulAdd(factor, row[v], hn::Zero(d)));
  }
}

// … and of several, which wait in registers for the last.
template <std::size_t rows, typename T>
HWY_INLINE void add_terms_of(const Problem<T>& part, const T* a, const std::array<std::size_t, rows>& a_rows,
                             const T* b, const SideBySide<Lanes<T>, 1>& columns, hn::Vec<Lanes<T>> (&total)[rows][1]) {
  const Lanes<T> d;
  hn::Vec<Lanes<T>> next[rows];
  HWY_UNROLL(12)
  for (auto& x : next) x = hn::Zero(d);
  for (std::size_t p = 0; p < part.k; ++p, a += part.a.column, b += part.b.row) {
    hn::Vec<Lanes<T>> row[1];
    columns.load(b, row);
    keep_in_register(row[0]);
    HWY_UNROLL(12)
    for (std::size_t r = 0; r < rows; ++r) next[r] = hn::MulAdd(hn::Set(d, a[a_rows[r]]), row[0], next[r]);
  }
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < rows; ++r) total[r][0] = hn::Add(total[r][0], next[r]);
}

// Where rows of B are contiguous and terms few: what these products take is reading and writing their sum, which
// therefore stays in registers through all of them: of so many rows some vectors.
template <std::size_t count, std::size_t vectors, bool has_one_term, typename T>
void add_up_tile(const ProductSum<T>& sum, std::size_t i, std::size_t j) {
  using D = Lanes<T>;
  using Vectors = SideBySide<D, vectors>;
  const D d;
  const auto& [m, n, k, a_layout, b_layout, c, ldc] = sum.part;
  const Vectors columns = {{d, std::min(n - j - Vectors::before_last, vector_length<T>)}};
  // Rows that C has not are its last one again.
  std::array<std::size_t, count> rows, rows_of_a;
  for (std::size_t r = 0; r < count; ++r) {
    rows[r] = std::min(i + r, m - 1);
    rows_of_a[r] = rows[r] * a_layout.row;
  }
  hn::Vec<D> total[count][vectors];
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < count; ++r) {
    HWY_UNROLL(2)
    for (auto& x : total[r]) x = hn::Set(d, T{-0.0});  // which leaves every number as it is
    if (sum.before != nullptr) columns.load(sum.before + rows[r] * ldc + j, total[r]);
  }
  for (std::size_t product = 0; product < sum.products(); ++product) {
    const T* a = sum.a(product);
    const T* b = sum.b(product) + j;
    // The operands lie anywhere, which no processor foresees; and by all tiles they do not stay in the first cache.
    constexpr std::size_t products_ahead = 8, line = 64 / sizeof(T);
    const std::size_t ahead = std::min(product + products_ahead, sum.products() - 1);
    for (const T* const operand : {sum.a(ahead), sum.b(ahead)}) {
      hwy::Prefetch(operand);
      hwy::Prefetch(operand + line);
    }
    if constexpr (has_one_term) {
      add_term_of(a, rows_of_a, b, columns, total);
    } else {
      add_terms_of(sum.part, a, rows_of_a, b, columns, total);
    }
  }
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < count; ++r) columns.store(total[r], c + rows[r] * ldc + j);
}

// So many vectors at a time, and one where there is no more.
template <std::size_t rows, std::size_t vectors, bool has_one_term, typename T>
void add_up_tiles(const ProductSum<T>& sum) {
  constexpr std::size_t v = vector_length<T>;
  for (std::size_t i = 0; i < sum.part.m; i += rows) {
    for (std::size_t j = 0, width = 0; j < sum.part.n; j += width) {
      const bool is_one = vectors == 1 || sum.part.n - j <= v;
      width = is_one ? v : vectors * v;
      (is_one ? add_up_tile<rows, 1, has_one_term, T> : add_up_tile<rows, vectors, has_one_term, T>)(sum, i, j);
    }
  }
}

template <typename T>
void add_up(const ProductSum<T>& sum) {
  const auto& [m, n, k, a, b, c, ldc] = sum.part;
  if (has_few_terms(k, b)) {
    return k == 1 ? add_up_tiles<tile_rows - 1, 2, true>(sum) : add_up_tiles<tile_rows, 1, false>(sum);
  }
  for (std::size_t i = 0; sum.before != nullptr && i < m; ++i) std::copy_n(sum.before + i * ldc, n, c + i * ldc);
  for (std::size_t i = 0; i < sum.products(); ++i) {
    Problem<T> product = sum.part;
    product.a.data = sum.a(i);
    product.b.data = sum.b(i);
    multiply_in_blocks(product, product.terms(), i > 0 || sum.before != nullptr);
  }
}

// C + product + product + …, `count` of them, each m × n, one after the other in memory: added in that order.
template <typename T>
void add_products(const Problem<T>& problem, const T* products, std::size_t count) {
  using D = Lanes<T>;
  const D d;
  // Other threads have just written them, in part.
  constexpr std::size_t ahead = 512;
  const std::size_t size = problem.m * problem.n;
  for (std::size_t i = 0; i < problem.m; ++i) {
    for (std::size_t j = 0; j < problem.n; j += vector_length<T>) {
      const LastVector<D> vector = {d, std::min(vector_length<T>, problem.n - j)};
      const T* from = products + i * problem.n + j;
      T* const to = problem.c + i * problem.ldc + j;
      auto total = vector.load(to);
      for (std::size_t product = 0; product < count; ++product, from += size) {
        hwy::Prefetch(from + ahead);
        total = hn::Add(total, vector.load(from));
      }
      vector.store(total, to);
    }
  }
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
