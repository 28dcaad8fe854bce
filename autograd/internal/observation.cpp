#include <algorithm>
#include <utility>

#include <wengert/autograd/internal/observation.h>

namespace wengert::detail {

Observation::Observation(List& list)
    : list_(list),
      pause_(list, List::Pause::everyone),
      outer_(std::exchange(list.observation_, this)),
      first_value_(list.values().size()) {
  list.active_ = List::observed;
}

Observation::~Observation() { list_.observation_ = outer_; }

void Observation::note(std::span<const Tensor> inputs) {
  const auto number = [](const Tensor& tensor) { return Access::node(tensor)->number; };
  for (const Tensor& input : inputs) {
    if (!list_.holds(input) || number(input) >= first_value_) continue;
    const auto is_same = [&](const Tensor& known) { return number(known) == number(input); };
    if (std::none_of(variables_.begin(), variables_.end(), is_same)) variables_.push_back(input);
  }
  if (outer_ != nullptr) outer_->note(inputs);
}

void Observation::note(const std::shared_ptr<ParameterState>& state, const Tensor& value) {
  if (State* const known = find(*state); known == nullptr) {
    states_.push_back({state, value});
  } else if (!known->value.defined()) {
    known->value = value;
  }
  if (outer_ != nullptr) outer_->note(state, value);
}

void Observation::note_parameter(const ParameterState& state) {
  find(state)->is_parameter = true;
  if (outer_ != nullptr) outer_->note_parameter(state);
}

Observation::State* Observation::find(const ParameterState& state) {
  const auto found =
      std::find_if(states_.begin(), states_.end(), [&](const State& use) { return use.state.get() == &state; });
  return found == states_.end() ? nullptr : &*found;
}

}  // namespace wengert::detail
