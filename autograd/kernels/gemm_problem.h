#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {

// Up to so many rows of A make a product thin, and up to so many terms are few.
constexpr std::size_t thin_rows = 3;
constexpr std::size_t few_terms = 8;
// So many at most are added in one go (k_c of BLIS): a panel of B, two vectors wide, then stays in the first-level
// cache.
constexpr std::size_t block_terms = 256;

constexpr std::size_t page = 4096;

// Whether rows that are so many elements apart are not foreseen by a processor.
template <typename T>
constexpr bool are_far(std::size_t stride) {
  return stride * sizeof(T) >= page / 2;
}

constexpr std::size_t quotient_up(std::size_t x, std::size_t step) { return (x + step - 1) / step; }
constexpr std::size_t round_up(std::size_t x, std::size_t step) { return quotient_up(x, step) * step; }

// An operand with its transposition resolved: element (i, j) is at data[i · row + j · column].
template <typename T>
struct MatrixOperand {
  const T* data;
  std::size_t row;
  std::size_t column;
};

template <typename T>
MatrixOperand<T> transpose(const MatrixOperand<T>& x) {
  return {x.data, x.column, x.row};
}

// Whether a B of so many elements, whose rows are contiguous and far apart, is more than a cache of so many bytes
// keeps.
template <typename T>
bool is_beyond(const MatrixOperand<T>& b, std::size_t elements, std::size_t cache) {
  return b.column == 1 && are_far<T>(b.row) && elements > cache / sizeof(T);
}

// Whether a product is of few terms and rows of B are contiguous: there are functions of their own for that.
template <typename T>
bool has_few_terms(std::size_t k, const MatrixOperand<T>& b) {
  return k <= few_terms && b.column == 1;
}

// Of k terms, those that are added in one go: a function of k alone, as bits depend on it.
constexpr std::size_t terms_in_one_go(std::size_t k) {
  return k <= block_terms ? k : round_up(quotient_up(k, quotient_up(k, block_terms)), 8);
}

// C = A · B: of m rows, n columns, and k terms for each sum.
template <typename T>
struct Problem {
  std::size_t m, n, k;
  MatrixOperand<T> a, b;
  T* c;
  std::size_t ldc;

  std::size_t terms() const { return terms_in_one_go(k); }
  // How often.
  std::size_t blocks() const { return quotient_up(k, terms()); }

  // So many rows of A and C from `first` on, and all of B; or columns of B and C, and all of A.
  Problem rows(std::size_t first, std::size_t count) const {
    return {count, n, k, {a.data + first * a.row, a.row, a.column}, b, c + first * ldc, ldc};
  }
  Problem columns(std::size_t first, std::size_t count) const {
    return {m, count, k, a, {b.data + first * b.column, b.row, b.column}, c + first, ldc};
  }

  // In the units of kernels/threads.h.
  double work() const { return work_of<T>(static_cast<double>(k), static_cast<std::int64_t>(m * n)); }
};

// How a product is computed: decided for the whole, as its bits depend on it, before it is divided among threads.
template <typename T>
struct ProductPlan {
  void (*multiply)(const Problem<T>& part, const ProductPlan& plan);
  // Of blocks and wide tiles: so many terms at a time.
  std::size_t terms = 0;
  // Of wide tiles: there are few sums, each in two chains; or B is big.
  bool has_few_sums = false, is_big = false;
};

// A part of C = before + A₁·B₁ + A₂·B₂ + …, each product rounded before it is added.
template <typename T>
struct ProductSum {
  std::span<const void* const> factors;  // A₁, B₁, A₂, B₂, …: where their matrices begin
  std::size_t a_first, b_first;          // from there to the part's
  Problem<T> part;                       // but for the operands' data
  const T* before;                       // laid out as C is; null: nothing

  std::size_t products() const { return factors.size() / 2; }
  const T* a(std::size_t product) const { return static_cast<const T*>(factors[2 * product]) + a_first; }
  const T* b(std::size_t product) const { return static_cast<const T*>(factors[2 * product + 1]) + b_first; }
};

}  // namespace wengert::kernels
