#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tape.h>

/// optim: what moves parameters along their gradients. An optimiser knows its parameters, is given gradients
/// explicitly, and keeps a state that can be read, saved and set.

namespace wengert::optim {

/// Tensors by name, in order: how a state is read and written.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// What all optimisers share. Copies share the parameters, not the state. One of your own derives from this and says in
/// `update` what one step does to one parameter.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One step for every parameter that has a gradient; the others stay as they are, and gradients of parameters that
  /// this optimiser was not given are passed over. Nothing of it is recorded on a tape. Throws ValueError where none of
  /// the gradients is of one of its parameters, ShapeError or DTypeError where a gradient does not fit its parameter;
  /// nothing was changed then.
  void step(const Gradients& gradients);

  double learning_rate() const { return learning_rate_; }
  /// Throws ValueError unless it is a finite number, 0 or above.
  void set_learning_rate(double learning_rate);
  /// Steps done so far.
  std::int64_t steps() const { return steps_; }
  std::vector<Parameter> parameters() const;

  /// "step" (i64), "learning_rate" (f64), and the tensors kept for each parameter: "m.hidden.weight". Parameters
  /// without a name go by their number; where two have the same name, the later one gets a number behind it.
  NamedTensors state() const;
  /// Goes on from a state that was read before, from an optimiser of the same kind on parameters of the same names. The
  /// order does not matter. Throws ValueError for a name that is missing or unknown, ShapeError or DTypeError for a
  /// tensor that does not fit; nothing was changed then.
  void set_state(const NamedTensors& state);

 protected:
  /// For every parameter as many tensors are kept as `state_names` says, zeros at first. Throws ValueError for a
  /// parameter that is given twice, a bad learning rate or no parameters; DTypeError for parameters of integers.
  Optimizer(std::vector<Parameter> parameters, double learning_rate, std::vector<std::string> state_names);
  Optimizer(const Optimizer&) = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  Optimizer& operator=(Optimizer&&) = default;

 private:
  struct Slot {
    Parameter parameter;
    std::string name;
    std::vector<Tensor> state;
  };

  /// Moves a parameter along its gradient; `steps()` counts this step already. `state` are the tensors kept for it.
  virtual void update(Parameter& parameter, const Tensor& gradient, std::span<Tensor> state) = 0;

  /// The slot of a parameter, searched from `hint` on; null where it is none of ours.
  Slot* find(const Parameter& parameter, std::size_t hint);

  std::vector<Slot> slots_;
  std::vector<std::string> state_names_;
  double learning_rate_;
  std::int64_t steps_ = 0;
};

}  // namespace wengert::optim
