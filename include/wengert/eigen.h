#pragma once

#include <memory>
#include <string>
#include <utility>

#include <Eigen/Core>

#include <wengert/autograd/error.h>
#include <wengert/autograd/tensor.h>

/// Tensors as Eigen's matrices, and Eigen's matrices as tensors.

namespace wengert {

template <Element T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <Element T>
using EigenVector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

namespace detail {
inline void require_rank(const char* what, const Tensor& tensor, std::size_t rank) {
  if (tensor.rank() == rank) return;
  throw ShapeError(std::string(what) + ": the tensor has shape " + to_string(tensor.shape()) + "; expected rank " +
                   std::to_string(rank) + "; reshape it first");
}
}  // namespace detail

/// A matrix's elements as Eigen sees them, without copying. The view holds as long as a handle on the tensor does; of a
/// temporary there is none. Throws ShapeError where the rank is not 2, DTypeError where T is not the dtype.
template <Element T>
Eigen::Map<const EigenMatrix<T>> as_matrix(const Tensor& tensor) {
  detail::require_rank("as_matrix", tensor, 2);
  return {tensor.data<T>().data(), tensor.shape()[0], tensor.shape()[1]};
}
template <Element T>
Eigen::Map<const EigenMatrix<T>> as_matrix(Tensor&&) = delete;

/// The same for a tensor of rank 1.
template <Element T>
Eigen::Map<const EigenVector<T>> as_vector(const Tensor& tensor) {
  detail::require_rank("as_vector", tensor, 1);
  return {tensor.data<T>().data(), tensor.shape()[0]};
}
template <Element T>
Eigen::Map<const EigenVector<T>> as_vector(Tensor&&) = delete;

/// The matrix's elements as a tensor, without copying; the tensor keeps the matrix, which must not change meanwhile.
/// Rank 1 for what is a vector at compile time. Throws ValueError for no matrix.
template <typename T, int rows, int columns, int options>
requires(Element<T> && (rows == 1 || columns == 1 || (options & Eigen::RowMajor) != 0)) Tensor
    borrow(std::shared_ptr<const Eigen::Matrix<T, rows, columns, options>> matrix) {
  if (matrix == nullptr) throw ValueError("borrow: no matrix was given (null pointer)");
  const T* elements = matrix->data();
  const Shape shape = rows == 1 || columns == 1 ? Shape{matrix->size()} : Shape{matrix->rows(), matrix->cols()};
  return Tensor::borrow(elements, shape, std::move(matrix));
}

/// The values of any expression of Eigen as a tensor of its own.
template <typename Derived>
requires Element<typename Derived::Scalar> Tensor to_tensor(const Eigen::DenseBase<Derived>& expression) {
  using T = typename Derived::Scalar;
  if constexpr (Derived::IsVectorAtCompileTime) {
    return borrow(std::make_shared<const EigenVector<T>>(expression.derived().reshaped()));
  } else {
    return borrow(std::make_shared<const EigenMatrix<T>>(expression.derived()));
  }
}

}  // namespace wengert
