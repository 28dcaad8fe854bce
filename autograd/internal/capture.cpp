#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/observation.h>
#include <wengert/autograd/internal/pointwise_rule.h>

namespace wengert::detail {
namespace {

// So many elements more are nothing worth to compute again.
constexpr std::int64_t few_elements = 64;

/// The same elements in a buffer of their own.
Tensor apart(const Tensor& tensor) {
  return Tensor::borrow(Access::elements(tensor), tensor.dtype(), tensor.shape(),
                        std::make_shared<const Tensor>(tensor));
}

std::uint64_t identity_of(const Tensor& tensor) {
  static constinit std::atomic<std::uint64_t> given{0};
  std::atomic<std::uint64_t>& identity = Access::checked(tensor).buffer->identity;
  std::uint64_t present = identity.load(std::memory_order_relaxed);
  if (present != 0) return present;
  const std::uint64_t next = given.fetch_add(1, std::memory_order_relaxed) + 1;
  return identity.compare_exchange_strong(present, next, std::memory_order_relaxed) ? next : present;
}

std::string description_of(const ParameterState& state) {
  return state.name.empty() ? "a slot or nameless parameter" : fmt::format("parameter '{}'", state.name);
}

}  // namespace

Capture::Capture(std::span<const Tensor> inputs) : outer_(current_) {
  for (const Tensor& input : inputs) {
    const auto place = static_cast<std::uint32_t>(inputs_.size());
    inputs_.push_back(apart(input));
    add_value(inputs_.back(), Source::input, place);
  }
  current_ = this;
}

Capture::~Capture() {
  current_ = outer_;
  if (kept_) return;
  for (SlotState& slot : slot_states_) {
    const std::shared_ptr<ParameterState> state = slot.state.lock();
    if (!slot.before.defined() || state == nullptr) continue;
    state->value = std::move(slot.before);
    state->is_assigned = slot.was_assigned;
  }
  for (const FlagState& use : flag_states_) {
    if (const std::shared_ptr<bool> flag = use.flag.lock()) *flag = use.before;
  }
}

Capture* Capture::exchange(Capture* other) noexcept { return std::exchange(current_, other); }

std::uint32_t Capture::add_value(const Tensor& tensor, Source source, std::uint32_t place) {
  const auto number = static_cast<std::uint32_t>(graph_.values.size());
  graph_.values.push_back(
      {source, tensor.dtype(), tensor.size(), place, source == Source::constant ? tensor : Tensor()});
  numbers_.emplace(identity_of(tensor), number);
  return number;
}

std::optional<std::uint32_t> Capture::known(const Tensor& tensor) const {
  const auto found = numbers_.find(identity_of(tensor));
  return found != numbers_.end() ? std::optional(found->second) : std::nullopt;
}

std::uint32_t Capture::number_of(const Tensor& tensor) {
  const std::optional<std::uint32_t> number = known(tensor);
  return number ? *number : add_value(tensor, Source::constant, 0);
}

void Capture::record(const Operation& operation, const Attributes& attributes, std::span<const Tensor> inputs,
                     std::span<const Tensor> results) {
  // A view of what is there already computes nothing; what constants give is a constant, unless it takes more memory.
  if (std::all_of(results.begin(), results.end(), [&](const Tensor& result) { return known(result); })) return;
  // The parts of what is evaluated were seen one by one: what comes of none of them is a constant.
  if (operation.evaluate) return;
  GraphRecord record{.operation = &operation, .attributes = attributes};
  for (const Tensor& input : inputs) record.inputs.push_back(use_of(input));
  const bool constant = std::all_of(record.inputs.begin(), record.inputs.end(), [&](const Use& use) {
    return graph_.values[use.value].source == Source::constant;
  });
  const auto grows = [&] {
    std::int64_t before = few_elements, after = 0;
    for (const Tensor& input : inputs) before += input.size();
    for (const Tensor& result : results) after += result.size();
    return after > before;
  };
  if (constant && !grows()) return;
  if (operation.pointwise != nullptr) record.compute = pointwise_compute_dtype(operation, inputs);
  for (const Tensor& result : results) {
    const std::uint32_t number = add_value(result, Source::computed, 0);
    record.outputs.push_back({number, result.shape()});
  }
  graph_.records.push_back(std::move(record));
}

std::uint32_t Capture::slot_of(const std::shared_ptr<ParameterState>& state) {
  const auto [found, added] = slots_.emplace(state.get(), static_cast<std::uint32_t>(graph_.slots.size()));
  if (added) {
    graph_.slots.push_back({state});
    slot_states_.push_back({.state = state});
  }
  return found->second;
}

Tensor Capture::read(const std::shared_ptr<ParameterState>& state) {
  const std::uint32_t number = slot_of(state);
  SlotState& slot = slot_states_[number];
  if (!slot.value.defined()) {
    slot.value = apart(state->value);
    add_value(slot.value, Source::slot, number);
  } else if (slot.assigned && Access::node(slot.value)->buffer != Access::node(state->value)->buffer) {
    assign(state, state->value);  // in the scope of an `Uncompiled`
  }
  return slot.value;
}

void Capture::assign(const std::shared_ptr<ParameterState>& state, const Tensor& value) {
  const std::uint32_t number = number_of(value);
  SlotState& slot = slot_states_[slot_of(state)];
  if (!slot.assigned) {
    slot.before = state->value;
    slot.was_assigned = state->is_assigned;
  }
  slot.value = value;
  slot.assigned = number;
}

void Capture::make(const std::shared_ptr<ParameterState>& state) {
  assign(state, state->value);
  graph_.slots[slot_of(state)].is_own = true;
}

FlagUse& Capture::use_of(const std::shared_ptr<bool>& flag) {
  const auto known =
      std::find_if(graph_.flags.begin(), graph_.flags.end(), [&](const FlagUse& use) { return use.flag == flag; });
  return known != graph_.flags.end() ? *known : graph_.flags.emplace_back(FlagUse{flag, {}, {}});
}

void Capture::read(const std::shared_ptr<bool>& flag) {
  FlagUse& use = use_of(flag);
  if (!use.set) use.read = *flag;
}

void Capture::set(const std::shared_ptr<bool>& flag, bool value) {
  FlagUse& use = use_of(flag);
  if (!use.set) flag_states_.push_back({flag, *flag});
  use.set = value;
}

void Capture::check_host_read(const Tensor& tensor, const char* what) const {
  const std::optional<std::uint32_t> number = known(tensor);
  if (!number || graph_.values[*number].source == Source::constant) return;
  std::string origin = "an input, a parameter or a slot of the function";
  for (std::size_t i = 0; i < graph_.records.size(); ++i) {
    const GraphRecord& record = graph_.records[i];
    const auto made = [&](const Use& use) { return use.value == *number; };
    if (std::any_of(record.outputs.begin(), record.outputs.end(), made)) {
      origin =
          fmt::format("the result of record {}, {} {},", i, record.operation->name, to_string(record.outputs[0].shape));
    }
  }
  throw ValueError(
      fmt::format("{}: {} is read on the host while a function is being compiled; the value would be frozen into the "
                  "program; return the tensor and read it outside, or compute with operations (where, clamp …)",
                  what, origin));
}

Graph Capture::finish(std::span<const Tensor> results) {
  for (const Tensor& result : results) graph_.results.push_back(use_of(result));
  for (std::uint32_t slot = 0; slot < slot_states_.size(); ++slot) {
    // What the function made for itself and let go of need not be kept.
    const bool is_forgotten = graph_.slots[slot].state.use_count() == 1;
    if (const auto& assigned = slot_states_[slot].assigned; assigned && !is_forgotten) {
      graph_.assignments.push_back({slot, *assigned});
    }
  }
  std::erase_if(graph_.flags, [](const FlagUse& use) { return use.flag.use_count() == 1; });
  current_ = outer_;
  return std::move(graph_);
}

std::shared_ptr<ParameterState> make_state(Tensor value, std::string name) {
  static_cast<void>(Access::checked(value));
  auto state = std::make_shared<ParameterState>(ParameterState{std::move(value), std::move(name)});
  if (Capture* capture = Capture::current()) capture->make(state);
  return state;
}

Tensor read_state(const std::shared_ptr<ParameterState>& state) {
  Capture* capture = Capture::current();
  Tensor value = capture == nullptr ? state->value : capture->read(state);
  if (Observation* observation = thread_list().observation()) observation->note(state, value);
  return value;
}

void assign_state(const std::shared_ptr<ParameterState>& state, const Tensor& value) {
  const Tensor& present = state->value;
  if (value.shape() != present.shape()) {
    throw ShapeError(fmt::format("{} has shape {}; it cannot be assigned {}", description_of(*state),
                                 to_string(present.shape()), to_string(value.shape())));
  }
  if (value.dtype() != present.dtype()) {
    throw DTypeError(fmt::format("{} is {}; it cannot be assigned {}; cast the value first", description_of(*state),
                                 name_of(present.dtype()), name_of(value.dtype())));
  }
  // What a tape reads from now on is another variable than before, though it may be the same tensor.
  const List& list = thread_list();
  const bool is_as_it_is = !list.recording() || list.holds(value) || list.is_walked(value);
  put_state(state, is_as_it_is ? value : Access::alias(value));
}

void put_state(const std::shared_ptr<ParameterState>& state, const Tensor& value) {
  if (Observation* observation = thread_list().observation()) observation->note(state, {});
  if (Capture* capture = Capture::current()) capture->assign(state, value);
  state->value = value;
  state->is_assigned = true;
}

bool read_flag(const std::shared_ptr<bool>& flag) {
  if (Observation* observation = thread_list().observation()) observation->note(flag);
  if (Capture* capture = Capture::current()) capture->read(flag);
  return *flag;
}

void set_flag(const std::shared_ptr<bool>& flag, bool value) {
  if (Observation* observation = thread_list().observation()) observation->note(flag);
  if (Capture* capture = Capture::current()) capture->set(flag, value);
  *flag = value;
}

}  // namespace wengert::detail
