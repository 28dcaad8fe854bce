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

// Where rows of B are contiguous and terms few: what these products take is reading and writing their sum, which
// therefore stays in registers through all of them, a vector's columns of so many rows.
template <typename T>
void add_up_tile(const ProductSum<T>& sum, std::size_t i, std::size_t j) {
  using D = Lanes<T>;
  const D d;
  constexpr std::size_t count = tile_rows;
  const auto& [m, n, k, a_layout, b_layout, c, ldc] = sum.part;
  const LastVector<D> vector = {d, std::min(vector_length<T>, n - j)};
  // Rows that C has not are its last one again.
  std::array<std::size_t, count> rows;
  for (std::size_t r = 0; r < count; ++r) rows[r] = std::min(i + r, m - 1);
  hn::Vec<D> total[count];
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < count; ++r) {
    // −0 is what leaves every number as it is.
    total[r] = sum.before == nullptr ? hn::Set(d, T{-0.0}) : vector.load(sum.before + rows[r] * ldc + j);
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
    hn::Vec<D> next[count];
    HWY_UNROLL(12)
    for (auto& x : next) x = hn::Zero(d);
    for (std::size_t p = 0; p < k; ++p, a += a_layout.column, b += b_layout.row) {
      auto row = vector.load(b);
      keep_in_register(row);
      HWY_UNROLL(12)
      for (std::size_t r = 0; r < count; ++r) next[r] = hn::MulAdd(hn::Set(d, a[rows[r] * a_layout.row]), row, next[r]);
    }
    HWY_UNROLL(12)
    for (std::size_t r = 0; r < count; ++r) total[r] = hn::Add(total[r], next[r]);
  }
  HWY_UNROLL(12)
  for (std::size_t r = 0; r < count; ++r) vector.store(total[r], c + rows[r] * ldc + j);
}

template <typename T>
void add_up(const ProductSum<T>& sum) {
  const auto& [m, n, k, a, b, c, ldc] = sum.part;
  if (has_few_terms(k, b)) {
    for (std::size_t i = 0; i < m; i += tile_rows) {
      for (std::size_t j = 0; j < n; j += vector_length<T>) add_up_tile(sum, i, j);
    }
    return;
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
