#pragma once

#include <cstddef>
#include <cstdint>

#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {

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

// C = A · B: of m rows, n columns, and k terms for each sum.
template <typename T>
struct Problem {
  std::size_t m, n, k;
  MatrixOperand<T> a, b;
  T* c;
  std::size_t ldc;

  // Terms that are added in one go, a function of k alone, as bits depend on it: a panel of B, two vectors wide, then
  // stays in the first-level cache.
  std::size_t terms() const {
    constexpr std::size_t most = 256;
    return k <= most ? k : round_up(quotient_up(k, quotient_up(k, most)), 8);
  }
  // How often.
  std::size_t blocks() const { return quotient_up(k, terms()); }

  // In the units of kernels/threads.h.
  double work() const { return work_of<T>(static_cast<double>(k), static_cast<std::int64_t>(m * n)); }
};

}  // namespace wengert::kernels
