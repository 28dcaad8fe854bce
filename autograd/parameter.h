#pragma once

#include <memory>
#include <string>
#include <utility>

#include <wengert/autograd/tensor.h>

namespace wengert {

namespace detail {
struct ParameterState;
}

/// A shared, named handle on a tensor that an optimiser replaces. Copies share the value. Reading it while a tape is
/// open makes it take part: `tape.gradient(loss)` answers for every parameter that was read.
class Parameter {
 public:
  /// A parameter on its own; `value` must be floating to be differentiated.
  explicit Parameter(Tensor value, std::string name = {});
  // Moving is copying: no handle is left empty.
  Parameter(const Parameter& other) = default;
  Parameter& operator=(const Parameter& other) = default;

  /// The value now. Inside a tape: the value as a variable of that tape.
  Tensor value() const;
  operator Tensor() const { return value(); }  // NOLINT(google-explicit-constructor): a parameter is used as its value

  /// Replaces the value. Throws ShapeError or DTypeError where it differs from the present one in shape or dtype.
  void assign(const Tensor& value);
  /// Whether that was done since the parameter was made.
  bool is_assigned() const;

  Shape shape() const;
  DType dtype() const;
  const std::string& name() const;
  /// A module that is used, or lists its parameters, names them by their path in it ("hidden.weight").
  void set_name(std::string name);

  /// A parameter of its own with the same value and name.
  Parameter clone() const;

  /// Whether both are handles on the same parameter.
  friend bool operator==(const Parameter& a, const Parameter& b) { return a.state_ == b.state_; }

 private:
  friend struct detail::Access;
  explicit Parameter(std::shared_ptr<detail::ParameterState> state) : state_(std::move(state)) {}
  std::shared_ptr<detail::ParameterState> state_;
};

}  // namespace wengert
