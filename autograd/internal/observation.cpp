#include <algorithm>

#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/observation.h>

namespace wengert::detail {

HostState HostState::now() const {
  HostState result = *this;
  for (Held& use : result.held) use.value = read_state(use.state);
  for (Flag& use : result.flags) use.value = read_flag(use.flag);
  return result;
}

void HostState::restore() const {
  for (const Held& use : held) {
    const bool differs = use.value.defined() && Access::node(read_state(use.state)) != Access::node(use.value);
    if (differs) put_state(use.state, use.value);
  }
  for (const Flag& use : flags) {
    if (read_flag(use.flag) != use.value) set_flag(use.flag, use.value);
  }
}

Observation::Observation() : tapes_(thread_list()), outer_(thread_list().observation()) {
  thread_list().active_ = List::observed;  // of the list aside
  thread_list().observation_ = this;
}

void Observation::note(std::span<const Tensor> inputs) {
  for (const Tensor& input : inputs) {
    const bool is_of_tapes = tapes_.holds(input) || tapes_.is_walked(input);
    if (!variable_.defined() && is_of_tapes && is_floating(input.dtype())) variable_ = input;
  }
  if (outer_ != nullptr) outer_->note(inputs);
}

void Observation::note(const std::shared_ptr<ParameterState>& state, const Tensor& value) {
  if (HostState::Held* const known = find(*state); known == nullptr) {
    host_.held.push_back({state, value});
  } else if (!known->value.defined()) {
    known->value = value;
  }
  if (outer_ != nullptr) outer_->note(state, value);
}

const Tensor& Observation::note_parameter(const ParameterState& state, const Tensor& value) {
  if (outer_ != nullptr) outer_->note_parameter(state, value);
  Tensor& plain = find(state)->plain;
  const bool is_known = plain.defined() && Access::node(plain)->buffer == Access::node(value)->buffer;
  if (!is_known) plain = Access::alias(value);
  return plain;
}

void Observation::note(const std::shared_ptr<bool>& flag) {
  const auto is_same = [&](const HostState::Flag& use) { return use.flag == flag; };
  if (std::none_of(host_.flags.begin(), host_.flags.end(), is_same)) host_.flags.push_back({flag, *flag});
  if (outer_ != nullptr) outer_->note(flag);
}

HostState::Held* Observation::find(const ParameterState& state) {
  const auto found = std::find_if(host_.held.begin(), host_.held.end(),
                                  [&](const HostState::Held& use) { return use.state.get() == &state; });
  return found == host_.held.end() ? nullptr : &*found;
}

}  // namespace wengert::detail
