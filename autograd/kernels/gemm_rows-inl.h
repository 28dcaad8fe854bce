// Products of rows that lie in memory as they are multiplied, compiled once per instruction set: scalar products,
// several at a time.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_ROWS_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_ROWS_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_ROWS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>
#include <wengert/autograd/kernels/register-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Of each of a few vectors the sum of the lanes: of every block of 128 bits, and then of the blocks by halves. It does
// not depend on the other vectors.
#if HWY_TARGET == HWY_SCALAR
template <typename T>
constexpr std::size_t sums_together = 1;

template <typename T>
void sum_lanes(const hn::Vec<Lanes<T>>* v, T* to) {
  hn::StoreU(v[0], Lanes<T>(), to);
}
#else
template <typename T>
constexpr std::size_t sums_together = 16 / sizeof(T);

template <class D>
hn::Vec<D> add_halves(D d, hn::Vec<D> x, hn::Vec<D> y) {
  return hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y));
}

template <class D>
void store_sum_of_blocks(D d, hn::Vec<D> v, hn::TFromD<D>* to) {
  if constexpr (hn::MaxLanes(d) * sizeof(hn::TFromD<D>) <= 16) {
    hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    store_sum_of_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), to);
  }
}

template <typename T>
void sum_lanes(const hn::Vec<Lanes<T>>* v, T* to) {
  const Lanes<T> d;
  if constexpr (sizeof(T) == 8) {
    store_sum_of_blocks(d, add_halves(d, v[0], v[1]), to);
  } else {
    store_sum_of_blocks(d, add_halves(d, add_halves(d, v[0], v[2]), add_halves(d, v[1], v[3])), to);
  }
}
#endif

// The scalar products of contiguous rows, k terms each: of x's with y's, that of rows i and j is c[i · c_x + j · c_y].
template <typename T>
struct Dots {
  std::size_t k;
  const T* x;
  std::size_t x_row;
  const T* y;
  std::size_t y_row;
  T* c;
  std::size_t c_x;
  std::size_t c_y;
};

template <std::size_t count_x, std::size_t count_y, typename T>
void multiply_dots(const Dots<T>& dots) {
  const Lanes<T> d;
  constexpr std::size_t n = vector_length<T>;
  constexpr std::size_t together = sums_together<T>;
  hn::Vec<Lanes<T>> sum[count_y][(count_x + together - 1) / together * together];
  HWY_UNROLL(6)
  for (std::size_t j = 0; j < count_y; ++j) {
    HWY_UNROLL(4)
    for (auto& s : sum[j]) s = hn::Zero(d);
  }
  const auto add_terms = [&](const auto& load) HWY_ATTR {
    hn::Vec<Lanes<T>> x[count_x];
    HWY_UNROLL(4)
    for (std::size_t i = 0; i < count_x; ++i) x[i] = load(dots.x + i * dots.x_row);
    HWY_UNROLL(4)
    for (auto& v : x) keep_in_register(v);
    HWY_UNROLL(6)
    for (std::size_t j = 0; j < count_y; ++j) {
      auto y = load(dots.y + j * dots.y_row);
      keep_in_register(y);
      HWY_UNROLL(4)
      for (std::size_t i = 0; i < count_x; ++i) sum[j][i] = hn::MulAdd(x[i], y, sum[j][i]);
    }
  };
  std::size_t p = 0;
  for (; p + n <= dots.k; p += n) add_terms([=](const T* row) HWY_ATTR { return hn::LoadU(d, row + p); });
  if (n > 1 && p < dots.k) {
    const LastVector<Lanes<T>> last = {d, dots.k - p};
    add_terms([&](const T* row) HWY_ATTR { return last.load(row + p); });
  }
  HWY_UNROLL(6)
  for (std::size_t j = 0; j < count_y; ++j) {
    T* c = dots.c + j * dots.c_y;
    HWY_UNROLL(4)
    for (std::size_t i = 0; i < count_x; i += together) {
      if (count_x % together == 0 && dots.c_x == 1) {
        sum_lanes<T>(sum[j] + i, c + i);
        continue;
      }
      HWY_ALIGN std::array<T, together> sums;
      sum_lanes<T>(sum[j] + i, sums.data());
      for (std::size_t r = 0; r < std::min(together, count_x - i); ++r) c[(i + r) * dots.c_x] = sums[r];
    }
  }
}

// Rows of A times rows of B, so short that vectors of them would be mostly empty.
template <std::size_t k, typename T>
void multiply_short_rows(const Problem<T>& problem) {
  const hn::CappedTag<T, 1> d;
  for (std::size_t i = 0; i < problem.m; ++i) {
    hn::Vec<decltype(d)> factor[k];
    HWY_UNROLL(8)
    for (std::size_t p = 0; p < k; ++p) factor[p] = hn::LoadU(d, problem.a.data + i * problem.a.row + p);
    T* const c = problem.c + i * problem.ldc;
    const T* b = problem.b.data;
    for (std::size_t j = 0; j < problem.n; ++j, b += problem.b.column) {
      auto sum = hn::Zero(d);
      HWY_UNROLL(8)
      for (std::size_t p = 0; p < k; ++p) sum = hn::MulAdd(factor[p], hn::LoadU(d, b + p), sum);
      hn::StoreU(sum, d, c + j);
    }
  }
}

template <typename T, std::size_t... p>
constexpr std::array<void (*)(const Problem<T>&), sizeof...(p)> short_rows_functions(std::index_sequence<p...>) {
  return {multiply_short_rows<p + 1, T>...};
}

// A contiguous row times a B of two columns, whose rows, one right after the other, are taken apart as they are read.
template <typename T>
void multiply_row_by_pairs(const T* a, const T* b, std::size_t k, T* c) {
  using D = Lanes<T>;
  const D d;
  constexpr std::size_t n = vector_length<T>, together = std::max<std::size_t>(sums_together<T>, 2);
  hn::Vec<D> sum[together];
  HWY_UNROLL(4)
  for (auto& s : sum) s = hn::Zero(d);
  std::size_t p = 0;
  for (; p + n <= k; p += n) {
    hn::Vec<D> first, second;
    hn::LoadInterleaved2(d, b + 2 * p, first, second);
    const auto x = hn::LoadU(d, a + p);
    sum[0] = hn::MulAdd(x, first, sum[0]);
    sum[1] = hn::MulAdd(x, second, sum[1]);
  }
  HWY_ALIGN std::array<T, together> sums;
  for (std::size_t j = 0; j < together; j += sums_together<T>) sum_lanes<T>(sum + j, sums.data() + j);
  for (; p < k; ++p) {
    for (std::size_t j = 0; j < 2; ++j) sums[j] += a[p] * b[2 * p + j];
  }
  std::copy_n(sums.data(), 2, c);
}

template <typename T>
void multiply_by_pairs(const Problem<T>& problem) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  for (std::size_t i = 0; i < m; ++i) multiply_row_by_pairs(a.data + i * a.row, b.data, k, c + i * ldc);
}

// So many rows are multiplied with up to so many at a time.
constexpr std::size_t rows_together = 4;
constexpr std::size_t rows_with = tile_rows / 2;

template <std::size_t count_x, typename T, std::size_t... j>
constexpr std::array<void (*)(const Dots<T>&), rows_with> dots_functions(std::index_sequence<j...>) {
  return {multiply_dots<count_x, j + 1, T>...};
}

// The function for rows_together rows or one, with 1 … rows_with.
template <typename T>
void (*dots_function(std::size_t count_x, std::size_t count_y))(const Dots<T>&) {
  constexpr auto sizes = std::make_index_sequence<rows_with>();
  static constexpr std::array<std::array<void (*)(const Dots<T>&), rows_with>, 2> functions = {
      dots_functions<1, T>(sizes), dots_functions<rows_together, T>(sizes)};
  return functions[count_x == rows_together ? 1 : 0][count_y - 1];
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
