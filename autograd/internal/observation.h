#pragma once

#include <memory>
#include <span>
#include <vector>

#include <wengert/autograd/internal/list.h>

namespace wengert::detail {

/// What a function found on the host when it first looked, as long as it is found there again: parameters, slots and
/// flags.
struct HostState {
  struct Held {
    std::shared_ptr<ParameterState> state;
    Tensor value;       // undefined: it was assigned alone
    Tensor plain = {};  // as which it was read, if as a variable: the value at last, but no list's
  };
  struct Flag {
    std::shared_ptr<bool> flag;
    bool value;
  };
  std::vector<Held> held = {};
  std::vector<Flag> flags = {};

  /// The same parameters, slots and flags as they are now.
  HostState now() const;
  void restore() const;
};

/// While it lives, a function is called on a list of its own, which goes with it: tapes that are open see nothing of
/// it. What it takes from outside is noted.
class Observation {
 public:
  Observation();
  ~Observation() = default;
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  /// What an operation is applied to.
  void note(std::span<const Tensor> inputs);
  /// That a parameter or slot is read, or, with no value, assigned.
  void note(const std::shared_ptr<ParameterState>& state, const Tensor& value);
  /// That one which was read is so as a variable. Gives what the function is to see, which is kept as the value is.
  const Tensor& note_parameter(const ParameterState& state, const Tensor& value);
  /// A flag as it is before it is read or set.
  void note(const std::shared_ptr<bool>& flag);

  /// The first input that outer tapes would differentiate by, or take for a constant where it is none; undefined where
  /// there is none.
  const Tensor& variable() const { return variable_; }
  HostState& host() { return host_; }

 private:
  HostState::Held* find(const ParameterState& state);

  const List& tapes_;  // the list of those that are open
  Observation* const outer_;
  const ListAside aside_;
  Tensor variable_;
  HostState host_;
};

}  // namespace wengert::detail
