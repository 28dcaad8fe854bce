#pragma once

#include <string>
#include <type_traits>

#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tensor.h>

namespace wengert {

struct Operation;

/// What a binary operation takes on either side: a tensor, a parameter, or a number (which takes the other side's
/// dtype). For the time of a call: the tensor is the caller's.
class Operand {
 public:
  // NOLINTBEGIN(google-explicit-constructor): that each of them may stand there is the point
  Operand(const Tensor& tensor) : tensor_(&tensor) {}
  Operand(const Parameter& parameter) : read_(parameter.value()) {}
  template <typename T>
  requires std::is_arithmetic_v<T> Operand(T value) : number_(value), is_number_(true) {}
  // NOLINTEND(google-explicit-constructor)
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  bool is_number() const { return is_number_; }
  const Tensor& tensor() const { return *tensor_; }
  /// The operand as a tensor; a number becomes a scalar of `dtype`. Throws DTypeError where that would lose it.
  Tensor as(DType dtype) const { return is_number_ ? scalar(number_, dtype) : *tensor_; }

 private:
  Tensor read_;  // from a parameter
  const Tensor* tensor_ = &read_;
  Number number_ = 0;
  bool is_number_ = false;
};

namespace detail {

/// An operand of the operation so named as a tensor; a number takes `dtype`. Throws DTypeError where that would lose
/// it.
Tensor as_tensor(const std::string& operation, const Operand& operand, DType dtype);

/// Applies a binary operation; a number takes the other side's dtype. Throws ValueError for two numbers.
Tensor apply_binary(const Operation& operation, const Operand& a, const Operand& b);

}  // namespace detail

}  // namespace wengert
