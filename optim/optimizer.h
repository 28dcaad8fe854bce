#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <wengert/autograd/parameter.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/tape.h>
#include <wengert/optim/schedule.h>

/// optim: what moves parameters along their gradients. An optimiser knows its parameters, is given gradients
/// explicitly, and keeps a state that can be read, saved and set.

namespace wengert::optim {

using wengert::NamedTensors;  // how a state is read and written

/// What all optimisers share. Copies share the parameters, not the state; moving is copying. One that is assigned to
/// stays the one that a compiled function knows, and goes on from the other's state; but what is no tensor (β, ε,
/// momentum, decay, a schedule) was recorded with the function, which goes on with the old ones.
///
/// One of your own derives from this and says in `update` what one step does to one parameter. All that changes from
/// step to step is kept in slots and computed with operations, so that a step may stand in a compiled function.
class Optimizer {
 public:
  virtual ~Optimizer();

  /// One step for every parameter that has a gradient and matters to the loss; the others stay as they are, and
  /// gradients of parameters that this optimiser was not given are passed over. Of the optimisers here nothing is
  /// recorded on a tape; nor of one of your own, where it puts `stop_gradient` around the values that it reads.
  /// Throws ValueError where none of the gradients is of one of its parameters, ShapeError or DTypeError where a
  /// gradient does not fit its parameter or a schedule gives no scalar of f64, and what the schedule throws; nothing
  /// was changed then.
  void step(const Gradients& gradients);

  /// That of the next step; a schedule is asked for it.
  double learning_rate() const { return current_rate().item<double>(); }
  /// Throws ValueError unless it is a finite number, 0 or more, and where the rate follows a schedule.
  void set_learning_rate(double learning_rate);
  /// Steps done so far.
  std::int64_t steps() const { return steps_.value().item<std::int64_t>(); }
  std::vector<Parameter> parameters() const;

  /// "step" (i64), "learning_rate" (f64; not of a schedule), and the tensors kept for each parameter:
  /// "m.hidden.weight". Parameters without a name go by their number; where two have the same name, the later one gets
  /// a number behind it.
  NamedTensors state() const;
  /// Goes on from a state that was read before, from an optimiser of the same kind on parameters of the same names. The
  /// order does not matter. Throws ValueError for a name that is missing or unknown, ShapeError or DTypeError for a
  /// tensor that does not fit; nothing was changed then.
  void set_state(const NamedTensors& state);

 protected:
  /// For every parameter as many tensors are kept as `state_names` says, zeros at first. Throws ValueError for a
  /// parameter that is given twice, a bad learning rate or no parameters; DTypeError for parameters of integers and
  /// for a schedule whose rate is not f64, ShapeError where it is no scalar.
  Optimizer(const std::vector<Parameter>& parameters, const LearningRate& learning_rate,
            std::vector<std::string> state_names);
  Optimizer(const Optimizer& other);
  Optimizer& operator=(const Optimizer& other);

 private:
  /// What is kept for a parameter.
  struct Entry {
    Parameter parameter;
    std::string name;
    std::vector<Slot> state;

    Entry clone() const;
  };

  /// The rate of this step, f64, from the learning rate and the number of the step, counted from 1 (scalars, f64 both).
  /// The learning rate itself unless overridden.
  virtual Tensor step_rate(const Tensor& learning_rate, const Tensor& step) const;

  /// Moves a parameter along its gradient. `rate` is `step_rate`, `learning_rate` the learning rate, both scalars of
  /// the parameter's dtype; `state` are the tensors kept for it, to be replaced.
  virtual void update(Parameter& parameter, const Tensor& gradient, const Tensor& rate, const Tensor& learning_rate,
                      std::span<Tensor> state) = 0;

  Tensor current_rate() const;

  void step_one(Entry& entry, const Tensor& gradient, const Tensor& rate, const Tensor& learning_rate);

  /// What is kept for a parameter, searched from `hint` on; null where it is none of ours.
  Entry* find(const Parameter& parameter, std::size_t hint);

  std::vector<Entry> entries_;
  std::vector<std::string> state_names_;
  Schedule schedule_;
  /// Where there is no schedule.
  Slot learning_rate_;
  Slot steps_;
};

}  // namespace wengert::optim
