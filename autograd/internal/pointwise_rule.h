#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/operation.h>

namespace wengert {

/// The formula of a pointwise operation as a program, and its derivatives as operations of the same kind: that is how
/// gradients of every order come about.
class PointwiseRule {
 public:
  /// What a derivative takes: an input or output, or the adjoint of an output.
  struct Argument {
    enum class Kind : std::uint8_t { input, output, adjoint };
    Kind kind;
    std::size_t number;
  };
  /// The derivative with respect to one input.
  struct Derivative {
    Operation operation;
    std::vector<Argument> arguments;
    /// The whole adjoint is one of the arguments as it stands (that of `add`).
    bool is_argument = false;
    /// No gradient passes (that of `floor`).
    bool is_zero = false;
  };

  /// `is_of_one_dtype`: all inputs and results are.
  PointwiseRule(kernels::Program program, kernels::NativePointwise native, std::vector<kernels::Program> derivatives,
                bool reads_outputs, bool is_of_one_dtype);

  const kernels::PointwiseKernel& kernel() const { return kernel_; }
  const kernels::Program& program() const { return kernel_.program(); }

  /// A whole call of its operation, typed, made and run in one, as most small ones may be: on floating tensors of one
  /// shape, or that and one element, which fit a tile. False where it is another one: nothing is done then.
  /// `attributes` are complete.
  bool call(std::span<const Tensor> arguments, const Attributes& attributes, std::span<Tensor> results) const;

  /// Made when first asked for. `owner` is the operation this rule belongs to.
  const Derivative& derivative(const Operation& owner, std::size_t input) const {
    const Derivative* const made = slots_[input].made.load(std::memory_order_acquire);
    return made != nullptr ? *made : make_derivative(owner, input);
  }

  /// What the derivatives read, among inputs and outputs.
  Reads reads() const;

 private:
  struct Slot {
    std::once_flag once;
    std::atomic<const Derivative*> made = nullptr;
    std::unique_ptr<const Derivative> derivative;
  };
  const Derivative& make_derivative(const Operation& owner, std::size_t input) const;
  kernels::Program derivative_program(std::size_t input) const;
  /// The one of that number among (inputs …, outputs that are read …, adjoints …).
  Argument argument(std::size_t number) const;

  kernels::PointwiseKernel kernel_;
  std::vector<kernels::Program> derivatives_;  // one per input; empty: to be derived
  bool reads_outputs_;
  std::array<std::int64_t, 2> most_elements_;  // of a call in one, in f32 and f64
  mutable std::vector<Slot> slots_;
};

namespace detail {
/// The type that a pointwise operation computes in, given its inputs.
DType pointwise_compute_dtype(const Operation& operation, std::span<const Tensor> inputs);
}  // namespace detail

}  // namespace wengert
