#include "eigen.h"

#include <Eigen/Core>

namespace products {

template <typename T>
void eigen(const Shape& s, const T* a, const T* b, T* c) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> right(b, s.k, s.n);
  Eigen::Map<Matrix> result(c, s.m, s.n);
  if (s.transpose_a)
    result.noalias() = Eigen::Map<const Matrix>(a, s.k, s.m).transpose() * right;
  else
    result.noalias() = Eigen::Map<const Matrix>(a, s.m, s.k) * right;
}

template void eigen(const Shape& shape, const float* a, const float* b, float* c);
template void eigen(const Shape& shape, const double* a, const double* b, double* c);

}  // namespace products
