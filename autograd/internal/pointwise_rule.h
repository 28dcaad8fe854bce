#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/operation.h>

namespace wengert {

/// The formula of a pointwise operation as a program, and its derivatives as operations of the same kind: that is how
/// gradients of every order come about.
class PointwiseRule {
 public:
  /// The derivative with respect to one input: an operation on some of (inputs …, outputs …, adjoints …).
  struct Derivative {
    Operation operation;
    std::vector<std::uint16_t> arguments;
    /// The whole adjoint is one of the arguments as it stands (that of `add`).
    bool is_argument = false;
    /// No gradient passes (that of `floor`).
    bool is_zero = false;
  };

  PointwiseRule(kernels::Program program, kernels::NativePointwise native, std::vector<kernels::Program> derivatives,
                bool reads_outputs);

  const kernels::PointwiseKernel& kernel() const { return kernel_; }
  const kernels::Program& program() const { return kernel_.program(); }

  /// Made when first asked for. `owner` is the operation this rule belongs to.
  const Derivative& derivative(const Operation& owner, std::size_t input) const;

  /// What the derivatives read, among inputs and outputs.
  Reads reads() const;

 private:
  struct Slot {
    std::once_flag once;
    std::unique_ptr<Derivative> derivative;
  };
  kernels::Program derivative_program(std::size_t input) const;

  kernels::PointwiseKernel kernel_;
  std::vector<kernels::Program> derivatives_;  // one per input; empty: to be derived
  bool reads_outputs_;
  mutable std::vector<Slot> slots_;
};

namespace detail {
/// The type that a pointwise operation computes in, given its inputs.
DType pointwise_compute_dtype(const Operation& operation, std::span<const Tensor> inputs);
}  // namespace detail

}  // namespace wengert
