#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tensor.h>

namespace wengert {

struct Operation;

/// The gradients of the parameters that took part, in the order in which they were first read.
class Gradients {
 public:
  struct Entry {
    Parameter parameter;
    Tensor gradient;
  };

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

  /// Throws GradientError for a parameter that took no part.
  const Tensor& operator[](const Parameter& parameter) const;
  bool contains(const Parameter& parameter) const;
  /// Whether what was differentiated depends on a parameter. Of one that was only read (or used behind
  /// `stop_gradient`) the gradient is zeros, and optimisers leave it as it is, without decay or momentum. True of one
  /// that took no part, as nothing is known of it.
  bool matters(const Parameter& parameter) const;
  /// Of each parameter once.
  void add(const Parameter& parameter, Tensor gradient, bool matters = true);

 private:
  kernels::PoolVector<Entry> entries_;
  kernels::PoolVector<Parameter> idle_;  // those that do not matter
};

/// What a derivative can be asked for: a watched tensor, a tensor computed on the tape, or a parameter.
class Variable {
 public:
  Variable(const Tensor& tensor) : tensor_(tensor) {}              // NOLINT(google-explicit-constructor)
  Variable(const Parameter& parameter) : parameter_(parameter) {}  // NOLINT(google-explicit-constructor)
  /// Null where it is the other.
  const Tensor* tensor() const { return parameter_ ? nullptr : &tensor_; }
  const Parameter* parameter() const { return parameter_ ? &*parameter_ : nullptr; }

 private:
  Tensor tensor_;
  std::optional<Parameter> parameter_;
};

/// One line of the Wengert list as plain data: which operation, on which values, with which attributes. Values are
/// numbered from the beginning of the thread's list.
struct Record {
  const Operation* operation;
  Attributes attributes;
  std::span<const std::uint32_t> inputs;
  std::span<const std::uint32_t> outputs;
};

/// A value on the list: what the records' numbers stand for. `kept` is undefined unless a rule reads the value.
struct RecordedValue {
  DType dtype;
  Shape shape;
  Tensor kept = {};
};

struct TapeOptions {
  /// Keep every value, not only those that the rules of the operations read: to write a program down, or run it again.
  bool keep_all = false;
};

/// Records the operations of this thread, from its construction to its destruction, on parameters and on tensors that
/// it watches, and differentiates what was recorded. Tapes nest: an outer tape also sees what an inner one records, its
/// gradients included. Must be used and destroyed on the thread that made it, innermost first.
class Tape {
 public:
  explicit Tape(TapeOptions options = {});
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// The tensor as a variable of this tape: a handle on the same elements. Throws GradientError for integers.
  Tensor watch(const Tensor& tensor);

  /// dy/dx, of x's shape. `y` must hold one element unless a `seed` of y's shape is given: then Σ seed · dy/dx. Zeros
  /// for an x that took no part. A tape does not record its own walk: for the derivative of a gradient, open another
  /// tape around it. Throws GradientError for an x that is not on this tape, for integers, for a y that depends on a
  /// gradient this very tape gave, or for probabilities, as of a softmax, that a cross-entropy traced back to their
  /// logits; ShapeError and DTypeError for y or seed.
  Tensor gradient(const Tensor& y, const Variable& x, const Tensor& seed = {});
  std::vector<Tensor> gradient(const Tensor& y, std::initializer_list<Variable> xs, const Tensor& seed = {});
  std::vector<Tensor> gradient(const Tensor& y, std::span<const Tensor> xs, const Tensor& seed = {});
  std::vector<Tensor> gradient(const Tensor& y, std::span<const Variable> xs, const Tensor& seed = {});
  std::vector<Tensor> gradient(const Tensor& y, const std::vector<Tensor>& xs, const Tensor& seed = {}) {
    return gradient(y, std::span<const Tensor>(xs), seed);
  }
  std::vector<Tensor> gradient(const Tensor& y, std::span<const Parameter> xs, const Tensor& seed = {});
  /// Gradients of every parameter that took part; of one that was assigned meanwhile, by all the values it had.
  Gradients gradient(const Tensor& y);
  /// The parameters that were read so far on this tape, each once, in the order in which they were first.
  std::vector<Parameter> parameters() const;

  /// What was recorded so far since this tape was opened. The views hold until the next operation.
  std::vector<Record> records() const;
  /// What a value number of `records()` stands for.
  const RecordedValue& value(std::uint32_t number) const;
  /// The number of a tensor on this tape. Throws GradientError where it is not on it.
  std::uint32_t number_of(const Tensor& tensor) const;

 private:
  struct Asked;
  template <typename X>
  std::vector<Tensor> gradients_by(const Tensor& y, std::span<const X> xs, const Tensor& seed);
  void ask(const Variable& variable, std::uint32_t owner, Asked& asked) const;
  kernels::PoolVector<Parameter> ask_all(Asked& asked) const;
  std::uint32_t number_of_variable(const Tensor& tensor) const;
  enum class Unreached { zeros, undefined };
  kernels::PoolVector<Tensor> walk(const Tensor& y, const Asked& asked, const Tensor& seed, Unreached unreached);

  std::uint64_t serial_;
  std::uint32_t first_record_, first_value_;
  std::uint8_t level_;
};

}  // namespace wengert
