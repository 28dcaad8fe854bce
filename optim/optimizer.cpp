#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/internal/not_negative.h>
#include <wengert/optim/optimizer.h>

namespace wengert::optim {

namespace {

double checked_rate(double learning_rate) { return detail::not_negative("optimizer", "learning_rate", learning_rate); }

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

Optimizer::Optimizer(const std::vector<Parameter>& parameters, const LearningRate& learning_rate,
                     std::vector<std::string> state_names)
    : state_names_(std::move(state_names)),
      schedule_(learning_rate.schedule()),
      learning_rate_(Tensor(learning_rate.number())),
      steps_(Tensor(std::int64_t{0})) {
  checked_rate(this->learning_rate());
  if (parameters.empty()) throw ValueError("optimizer: no parameters given; pass model.parameters()");
  entries_.reserve(parameters.size());
  for (const Parameter& parameter : parameters) {
    if (!is_floating(parameter.dtype())) {
      throw DTypeError(fmt::format("optimizer: parameter '{}' is {}; expected f32 or f64", parameter.name(),
                                   name_of(parameter.dtype())));
    }
    if (find(parameter, 0) != nullptr) {
      throw ValueError(fmt::format("optimizer: parameter '{}' is given twice", parameter.name()));
    }
    const std::string base = parameter.name().empty() ? std::to_string(entries_.size()) : parameter.name();
    std::string name = base;
    const auto taken = [&](const Entry& entry) { return entry.name == name; };
    for (int i = 1; std::any_of(entries_.begin(), entries_.end(), taken); ++i) name = fmt::format("{}_{}", base, i);
    std::vector<Slot> state;
    for (std::size_t i = 0; i < state_names_.size(); ++i)
      state.emplace_back(zeros(parameter.shape(), parameter.dtype()));
    entries_.push_back({parameter, std::move(name), std::move(state)});
  }
}

Optimizer::~Optimizer() = default;

Optimizer::Entry Optimizer::Entry::clone() const {
  Entry copy = *this;
  for (Slot& slot : copy.state) slot = slot.clone();
  return copy;
}

Optimizer::Optimizer(const Optimizer& other)
    : state_names_(other.state_names_),
      schedule_(other.schedule_),
      learning_rate_(other.learning_rate_.clone()),
      steps_(other.steps_.clone()) {
  for (const Entry& entry : other.entries_) entries_.push_back(entry.clone());
}

Optimizer& Optimizer::operator=(const Optimizer& other) {
  // Slots stay wherever they can: they are what a compiled function knows this optimiser by.
  std::vector<Entry> entries;
  for (const Entry& given : other.entries_) {
    Entry entry = given.clone();
    const Entry* const own = find(given.parameter, 0);
    for (std::size_t i = 0; own != nullptr && i < std::min(own->state.size(), entry.state.size()); ++i) {
      entry.state[i] = own->state[i];
      entry.state[i].assign(given.state[i].value());
    }
    entries.push_back(std::move(entry));
  }
  entries_ = std::move(entries);
  state_names_ = other.state_names_;
  schedule_ = other.schedule_;
  learning_rate_.assign(other.learning_rate_.value());
  steps_.assign(other.steps_.value());
  return *this;
}

Optimizer::Entry* Optimizer::find(const Parameter& parameter, std::size_t hint) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[(hint + i) % entries_.size()];
    if (entry.parameter == parameter) return &entry;
  }
  return nullptr;
}

Tensor Optimizer::current_rate() const {
  if (!schedule_) return learning_rate_.value();
  Tensor rate = schedule_(cast(steps_.value(), DType::f64));
  if (rate.dtype() != DType::f64) {
    throw DTypeError(fmt::format("schedule: the learning rate is {}; expected f64, as the step it is computed from",
                                 name_of(rate.dtype())));
  }
  if (rate.shape().rank() != 0) {
    throw ShapeError(fmt::format("schedule: the learning rate is {}; expected a scalar", to_string(rate.shape())));
  }
  return rate;
}

Tensor Optimizer::step_rate(const Tensor& learning_rate, const Tensor&) const { return learning_rate; }

void Optimizer::step(const Gradients& gradients) {
  // Gradients come in the order of use, which mostly is the order of the entries: the next one is where we look first.
  const auto for_each_own = [&](auto action) {
    std::size_t next = 0;
    for (const Gradients::Entry& given : gradients) {
      Entry* entry = gradients.matters(given.parameter) ? find(given.parameter, next) : nullptr;
      if (entry == nullptr) continue;
      next = static_cast<std::size_t>(entry - entries_.data()) + 1;
      action(*entry, given.gradient);
    }
  };
  for_each_own([](const Entry& entry, const Tensor& gradient) { check_gradient(entry.parameter, gradient); });
  const auto none = [&](auto is_so) {
    return std::none_of(gradients.begin(), gradients.end(), [&](const auto& given) { return is_so(given.parameter); });
  };
  if (none([&](const Parameter& parameter) { return gradients.matters(parameter); })) {
    throw ValueError("step: the loss depends on no parameter; is all that it is computed from behind stop_gradient?");
  }
  if (none([&](const Parameter& parameter) { return find(parameter, 0) != nullptr; })) {
    throw ValueError(
        fmt::format("step: none of the {} gradients is of one of the optimiser's {} parameters; was it made "
                    "from this model's parameters()?",
                    gradients.size(), entries_.size()));
  }
  const Tensor learning_rate = current_rate();
  steps_.assign(steps_.value() + 1);
  const Tensor rate = step_rate(learning_rate, cast(steps_.value(), DType::f64));
  for_each_own([&](Entry& entry, const Tensor& gradient) { step_one(entry, gradient, rate, learning_rate); });
}

void Optimizer::step_one(Entry& entry, const Tensor& gradient, const Tensor& rate, const Tensor& learning_rate) {
  const DType dtype = entry.parameter.dtype();
  const auto as = [dtype](const Tensor& x) { return x.dtype() == dtype ? x : cast(x, dtype); };
  kernels::PoolVector<Tensor> state;
  for (const Slot& slot : entry.state) state.push_back(slot.value());
  update(entry.parameter, gradient, as(rate), as(learning_rate), state);
  for (std::size_t i = 0; i < state.size(); ++i) entry.state[i].assign(state[i]);
}

void Optimizer::set_learning_rate(double learning_rate) {
  if (schedule_)
    throw ValueError("set_learning_rate: the learning rate follows a schedule; give the optimiser a number");
  learning_rate_.assign(Tensor(checked_rate(learning_rate)));
}

std::vector<Parameter> Optimizer::parameters() const {
  std::vector<Parameter> parameters;
  for (const Entry& entry : entries_) parameters.push_back(entry.parameter);
  return parameters;
}

NamedTensors Optimizer::state() const {
  NamedTensors state{{"step", steps_.value()}};
  if (!schedule_) state.emplace_back("learning_rate", learning_rate_.value());
  for (std::size_t i = 0; i < state_names_.size(); ++i) {
    for (const Entry& entry : entries_) state.emplace_back(state_names_[i] + '.' + entry.name, entry.state[i].value());
  }
  return state;
}

void Optimizer::set_state(const NamedTensors& state) {
  NamedTensors left = state;
  Tensor steps = take(left, "step", Shape{}, DType::i64);
  if (steps.item<std::int64_t>() < 0) {
    throw ValueError(fmt::format("set_state: 'step' is {}; expected 0 or more", steps.item<std::int64_t>()));
  }
  Tensor learning_rate = learning_rate_.value();
  if (!schedule_) {
    learning_rate = take(left, "learning_rate", Shape{}, DType::f64);
    checked_rate(learning_rate.item<double>());
  }
  std::vector<Tensor> kept;
  for (const Entry& entry : entries_) {
    for (const std::string& name : state_names_) {
      kept.push_back(take(left, name + '.' + entry.name, entry.parameter.shape(), entry.parameter.dtype()));
    }
  }
  if (!left.empty())
    throw ValueError(fmt::format("set_state: '{}' belongs to no part of this optimiser", left.front().first));
  steps_.assign(steps);
  learning_rate_.assign(learning_rate);
  auto next = kept.begin();
  for (Entry& entry : entries_) {
    for (Slot& slot : entry.state) slot.assign(*next++);
  }
}

}  // namespace wengert::optim
