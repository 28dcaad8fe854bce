#pragma once

// Matrices for the tests of products.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/kernels/gemm.h>

namespace wengert::kernels {

// A matrix in memory, rows × columns as seen after transposition, with `gap` unused elements between its rows and none
// after the last, so that a sanitizer sees every read beyond the end.
template <typename T>
struct Matrix {
  Matrix(std::size_t rows, std::size_t columns, bool is_transposed, std::size_t gap, T filler)
      : transposed(is_transposed), leading((is_transposed ? rows : columns) + gap) {
    const std::size_t lines = is_transposed ? columns : rows;
    if (rows * columns > 0) elements.assign(lines * leading - gap, filler);
  }
  T& at(std::size_t i, std::size_t j) { return elements[transposed ? j * leading + i : i * leading + j]; }
  MatrixView view() const { return {elements.data(), static_cast<std::int64_t>(leading), transposed}; }

  bool transposed;
  std::size_t leading;
  std::vector<T> elements;
};

inline std::int64_t size(std::size_t x) { return static_cast<std::int64_t>(x); }

template <typename T>
void multiply(std::size_t m, std::size_t n, std::size_t k, const Matrix<T>& a, const Matrix<T>& b, Matrix<T>& c) {
  gemm(dtype_of<T>, size(m), size(n), size(k), a.view(), b.view(), c.elements.data(), size(c.leading));
}

template <typename T>
T random_element(std::mt19937_64& random) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::uniform_real_distribution<T>(-1, 1)(random);
  } else {
    return static_cast<T>(random());  // the whole range: products and sums wrap
  }
}

template <typename T>
Matrix<T> random_matrix(std::size_t rows, std::size_t columns, bool transposed, std::size_t gap,
                        std::mt19937_64& random) {
  // What lies in the gaps would be seen in any product that it entered.
  const T filler = std::is_floating_point_v<T> ? std::numeric_limits<T>::quiet_NaN() : T{123};
  Matrix<T> matrix(rows, columns, transposed, gap, filler);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) matrix.at(i, j) = random_element<T>(random);
  }
  return matrix;
}

using FloatingElements = testing::Types<float, double>;

}  // namespace wengert::kernels
