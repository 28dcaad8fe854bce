#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/optim/optimizer.h>

namespace wengert::optim {

namespace {

double checked_rate(double learning_rate) {
  if (std::isfinite(learning_rate) && learning_rate >= 0) return learning_rate;
  throw ValueError(fmt::format("learning rate {}; expected a finite number, 0 or above", learning_rate));
}

void check_gradient(const Parameter& parameter, const Tensor& gradient) {
  if (gradient.shape() != parameter.shape()) {
    throw ShapeError(fmt::format("step: the gradient of parameter '{}' is {}; expected its shape {}", parameter.name(),
                                 to_string(gradient.shape()), to_string(parameter.shape())));
  }
  if (gradient.dtype() != parameter.dtype()) {
    throw DTypeError(fmt::format("step: the gradient of parameter '{}' is {}; expected its dtype {}", parameter.name(),
                                 name_of(gradient.dtype()), name_of(parameter.dtype())));
  }
}

/// Takes a tensor out of a state, once it is clear that it fits what it replaces.
Tensor take(NamedTensors& state, const std::string& name, const Shape& shape, DType dtype) {
  const auto found = std::find_if(state.begin(), state.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == state.end()) throw ValueError(fmt::format("set_state: '{}' is missing", name));
  Tensor tensor = std::move(found->second);
  state.erase(found);
  if (tensor.shape() != shape) {
    throw ShapeError(
        fmt::format("set_state: '{}' is {}; expected {}", name, to_string(tensor.shape()), to_string(shape)));
  }
  if (tensor.dtype() != dtype) {
    throw DTypeError(fmt::format("set_state: '{}' is {}; expected {}", name, name_of(tensor.dtype()), name_of(dtype)));
  }
  return tensor;
}

}  // namespace

Optimizer::Optimizer(std::vector<Parameter> parameters, double learning_rate, std::vector<std::string> state_names)
    : state_names_(std::move(state_names)), learning_rate_(checked_rate(learning_rate)) {
  if (parameters.empty()) throw ValueError("optimizer: no parameters given; pass model.parameters()");
  slots_.reserve(parameters.size());
  for (Parameter& parameter : parameters) {
    if (!is_floating(parameter.dtype())) {
      throw DTypeError(fmt::format("optimizer: parameter '{}' is {}; expected f32 or f64", parameter.name(),
                                   name_of(parameter.dtype())));
    }
    if (find(parameter, 0) != nullptr) {
      throw ValueError(fmt::format("optimizer: parameter '{}' is given twice", parameter.name()));
    }
    const std::string base = parameter.name().empty() ? std::to_string(slots_.size()) : parameter.name();
    std::string name = base;
    const auto taken = [&](const Slot& slot) { return slot.name == name; };
    for (int i = 1; std::any_of(slots_.begin(), slots_.end(), taken); ++i) name = fmt::format("{}_{}", base, i);
    std::vector<Tensor> state(state_names_.size(), zeros(parameter.shape(), parameter.dtype()));
    slots_.push_back({std::move(parameter), std::move(name), std::move(state)});
  }
}

Optimizer::Slot* Optimizer::find(const Parameter& parameter, std::size_t hint) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[(hint + i) % slots_.size()];
    if (slot.parameter == parameter) return &slot;
  }
  return nullptr;
}

void Optimizer::step(const Gradients& gradients) {
  // Gradients come in the order of use, which mostly is the order of the slots: the next one is where we look first.
  const auto for_each_own = [&](auto action) {
    std::size_t next = 0;
    for (const Gradients::Entry& entry : gradients) {
      Slot* slot = find(entry.parameter, next);
      if (slot == nullptr) continue;
      next = static_cast<std::size_t>(slot - slots_.data()) + 1;
      action(*slot, entry.gradient);
    }
  };
  bool any = false;
  for_each_own([&](const Slot& slot, const Tensor& gradient) {
    check_gradient(slot.parameter, gradient);
    any = true;
  });
  if (!any) {
    throw ValueError(
        fmt::format("step: none of the {} gradients is of one of the optimiser's {} parameters; was it made "
                    "from this model's parameters()?",
                    gradients.size(), slots_.size()));
  }
  ++steps_;
  for_each_own([&](Slot& slot, const Tensor& gradient) { update(slot.parameter, gradient, slot.state); });
}

void Optimizer::set_learning_rate(double learning_rate) { learning_rate_ = checked_rate(learning_rate); }

std::vector<Parameter> Optimizer::parameters() const {
  std::vector<Parameter> parameters;
  for (const Slot& slot : slots_) parameters.push_back(slot.parameter);
  return parameters;
}

NamedTensors Optimizer::state() const {
  NamedTensors state{{"step", Tensor(steps_)}, {"learning_rate", Tensor(learning_rate_)}};
  for (std::size_t i = 0; i < state_names_.size(); ++i) {
    for (const Slot& slot : slots_) state.emplace_back(state_names_[i] + '.' + slot.name, slot.state[i]);
  }
  return state;
}

void Optimizer::set_state(const NamedTensors& state) {
  NamedTensors left = state;
  const auto steps = take(left, "step", Shape{}, DType::i64).item<std::int64_t>();
  if (steps < 0) throw ValueError(fmt::format("set_state: 'step' is {}; expected 0 or above", steps));
  const double learning_rate = checked_rate(take(left, "learning_rate", Shape{}, DType::f64).item<double>());
  std::vector<Slot> slots = slots_;
  for (Slot& slot : slots) {
    for (std::size_t i = 0; i < state_names_.size(); ++i) {
      slot.state[i] = take(left, state_names_[i] + '.' + slot.name, slot.parameter.shape(), slot.parameter.dtype());
    }
  }
  if (!left.empty())
    throw ValueError(fmt::format("set_state: '{}' belongs to no part of this optimiser", left.front().first));
  steps_ = steps;
  learning_rate_ = learning_rate;
  slots_ = std::move(slots);
}

}  // namespace wengert::optim
