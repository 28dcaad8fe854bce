#pragma once

namespace products {

struct Shape {
  int m, n, k;
  bool transpose_a = false;
};

/// C [m, n] = A · B by Eigen, which is compiled for this very machine; of float and double.
template <typename T>
void eigen(const Shape& shape, const T* a, const T* b, T* c);

}  // namespace products
