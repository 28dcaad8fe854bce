#pragma once

#include <memory>

#include <wengert/autograd/tensor.h>

namespace wengert {

namespace detail {
struct ParameterState;
}

/// A tensor that lives on between the calls of a function and is replaced now and then: the moments of an optimiser,
/// its count of steps. Copies share the value. Unlike a Parameter it takes part in no tape; like one it may be read and
/// assigned in a compiled function, which then does so again at every call.
class Slot {
 public:
  /// Throws ValueError for an undefined tensor.
  explicit Slot(Tensor value);
  // Moving is copying: no handle is left empty.
  Slot(const Slot& other) = default;
  Slot& operator=(const Slot& other) = default;

  Tensor value() const;
  /// Replaces the value. Throws ShapeError or DTypeError where it differs from the present one in shape or dtype.
  void assign(const Tensor& value);
  /// A slot of its own with the same value.
  Slot clone() const;

  /// Whether both are handles on the same slot.
  friend bool operator==(const Slot& a, const Slot& b) { return a.state_ == b.state_; }

 private:
  std::shared_ptr<detail::ParameterState> state_;
};

}  // namespace wengert
