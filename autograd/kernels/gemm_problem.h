#pragma once

#include <cstddef>

namespace wengert::kernels {

// An operand with its transposition resolved: element (i, j) is at data[i · row + j · column].
template <typename T>
struct Operand {
  const T* data;
  std::size_t row;
  std::size_t column;
};

template <typename T>
Operand<T> transpose(const Operand<T>& x) {
  return {x.data, x.column, x.row};
}

template <typename T>
struct Problem {
  std::size_t m, n, k;
  Operand<T> a, b;
  T* c;
  std::size_t ldc;
};

}  // namespace wengert::kernels
