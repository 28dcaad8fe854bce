#pragma once

#include <memory>
#include <span>
#include <vector>

#include <wengert/autograd/internal/list.h>

namespace wengert::detail {

/// While it lives, the tapes that are open see nothing, and what a function takes from outside is noted.
class Observation {
 public:
  struct State {
    std::shared_ptr<ParameterState> state;
    Tensor value;               // when it was read for the first time; undefined: it was assigned alone
    bool is_parameter = false;  // read as such
  };

  explicit Observation(List& list);
  ~Observation();
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  /// Of what an operation is applied to, the values of the tapes that were open before.
  void note(std::span<const Tensor> inputs);
  /// That it is read, or, with no value, assigned.
  void note(const std::shared_ptr<ParameterState>& state, const Tensor& value);
  /// That one which was read is so as a variable.
  void note_parameter(const ParameterState& state);

  /// Each once.
  const std::vector<Tensor>& variables() const { return variables_; }
  std::vector<State>& states() { return states_; }

 private:
  State* find(const ParameterState& state);

  List& list_;
  const List::Pause pause_;
  Observation* const outer_;
  const std::size_t first_value_;  // from here on they are of tapes that the function opens
  std::vector<Tensor> variables_;
  std::vector<State> states_;
};

}  // namespace wengert::detail
