#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/replay.h>

namespace wengert::detail {
namespace {

std::byte placeholder;

bool is_asked_for_times() {
  const char* const asked = std::getenv("WENGERT_PROFILE");
  return asked != nullptr && std::strcmp(asked, "1") == 0;
}

}  // namespace

/// A record bound to memory. A pointwise one has a kernel and what it is run with, the others have tensors.
struct Replay::Step {
  const GraphRecord* record = nullptr;
  const kernels::PointwiseKernel* kernel = nullptr;
  std::span<const kernels::PointwiseInput> reads = {};
  std::span<const double> uniforms = {};
  std::span<const kernels::PointwiseOutput> writes = {};
  std::span<const kernels::PointwiseReduction> reductions = {};
  std::span<const std::int64_t> extents = {};
  std::vector<Tensor> inputs = {}, outputs = {};
};

Replay::Replay(Graph graph)
    : graph_(std::move(graph)),
      plan_(plan_memory(graph_)),
      places_(graph_.values.size()),
      outgoing_(graph_.values.size()),
      is_timed_(is_asked_for_times()) {
  make_bases();
  make_steps();
  place_values();
  if (is_timed_) timing_.seconds.resize(steps_.size());
}

Replay::~Replay() = default;

void Replay::make_bases() {
  for (const GraphValue& value : graph_.values) {
    bases_.push_back(value.source == Source::constant
                         ? value.constant
                         : Tensor::borrow(&placeholder, value.dtype, Shape{value.elements}, nullptr));
  }
}

void Replay::make_steps() {
  // Kernels are shown these by address: they must not move when another one is added.
  std::size_t reads = 0, writes = 0, reductions = 0, uniforms = 0;
  for (const GraphRecord& record : graph_.records) {
    if (!record.is_pointwise()) continue;
    reads += record.inputs.size();
    writes += record.computed().size();
    reductions += record.reductions.size();
    uniforms += record.attributes.size();
  }
  reads_.reserve(reads);
  strides_.reserve(reads);
  writes_.reserve(writes);
  reductions_.reserve(reductions);
  uniforms_.reserve(uniforms);
  steps_.reserve(graph_.records.size());
  for (const GraphRecord& record : graph_.records) {
    Step& step = steps_.emplace_back(Step{.record = &record});
    if (record.is_pointwise()) {
      make_pointwise(step, record);
      continue;
    }
    for (const Use& use : record.inputs) step.inputs.push_back(Access::alias(bases_[use.value], use.shape));
    for (const Use& use : record.outputs) step.outputs.push_back(Access::alias(bases_[use.value], use.shape));
  }
}

void Replay::make_pointwise(Step& step, const GraphRecord& record) {
  static constexpr std::int64_t next = 1, same = 0;
  if (record.fused != nullptr) {
    kernels_.push_back(std::make_shared<const kernels::PointwiseKernel>(*record.fused));
    step.kernel = kernels_.back().get();
  } else {
    step.kernel = &record.operation->pointwise->kernel();
    for (const Attributes::Entry& entry : record.attributes) uniforms_.push_back(std::get<double>(entry.value));
    step.uniforms = std::span(uniforms_).last(record.attributes.size());
  }
  const Shape& shape = record.outputs[0].shape;
  const std::int64_t& total = graph_.values[record.outputs[0].value].elements;
  // Every input has all elements of the result in order, or one.
  const bool is_flat = std::all_of(record.inputs.begin(), record.inputs.end(), [&](const Use& use) {
    return use.shape.elements() == total || use.shape.elements() == 1;
  });
  for (const Use& use : record.inputs) {
    if (!is_flat) strides_.push_back(broadcast_strides(use.shape, shape));
    const std::int64_t* const flat = use.shape.elements() == total ? &next : &same;
    reads_.push_back({nullptr, graph_.values[use.value].dtype, is_flat ? flat : strides_.back().begin()});
    places_[use.value].reads.push_back(&reads_.back().data);
  }
  for (const Use& use : record.computed()) {
    writes_.push_back({nullptr, graph_.values[use.value].dtype});
    places_[use.value].writes.push_back(&writes_.back().data);
  }
  for (std::size_t i = 0; i < record.reductions.size(); ++i) {
    const Reduced& reduced = record.reductions[i];
    reductions_.push_back({reduced.output, reduced.array, nullptr});
    places_[record.outputs[record.computed().size() + i].value].writes.push_back(&reductions_.back().data);
  }
  step.extents = is_flat ? std::span(&total, 1) : std::span(shape.begin(), shape.rank());
  step.reads = std::span(reads_).last(record.inputs.size());
  step.writes = std::span(writes_).last(record.computed().size());
  step.reductions = std::span(reductions_).last(record.reductions.size());
}

/// Tells kernels what stays where it is from run to run, and finds what does not.
void Replay::place_values() {
  arena_.resize(plan_.bytes);
  std::vector<bool> passed_on(graph_.values.size(), false);
  for (const Assignment& assignment : graph_.assignments) passed_on[assignment.value] = true;
  for (const Use& use : graph_.results) passed_on[use.value] = true;
  for (std::uint32_t value = 0; value < graph_.values.size(); ++value) {
    switch (graph_.values[value].source) {
      case Source::constant: set_elements(value, buffer(value).elements); break;
      case Source::slot:
        if (passed_on[value]) old_.push_back(value);
        [[fallthrough]];
      case Source::input: incoming_.push_back(value); break;
      case Source::computed:
        if (plan_.offsets[value] != MemoryPlan::elsewhere) set_elements(value, arena_.data() + plan_.offsets[value]);
        break;
      case Source::fleeting: break;
    }
  }
}

void Replay::set_elements(std::uint32_t value, const void* elements) {
  // Only records that make a value write to it.
  auto* const memory = const_cast<void*>(elements);
  buffer(value).elements = memory;
  for (const void** place : places_[value].reads) *place = elements;
  for (void** place : places_[value].writes) *place = memory;
}

bool Replay::may_overwrite(const ParameterState& state) {
  const TensorNode* node = Access::node(state.value);
  return node->references.load(std::memory_order_acquire) == 1 && !node->buffer->owner &&
         node->buffer->references.load(std::memory_order_acquire) == 1;
}

void Replay::bind(std::span<const Tensor> inputs) {
  for (const std::uint32_t number : incoming_) {
    const GraphValue& value = graph_.values[number];
    const Tensor& now = value.source == Source::input ? inputs[value.place] : graph_.slots[value.place]->value;
    set_elements(number, Access::elements(now));
  }
  for (const std::uint32_t number : old_) outgoing_[number] = graph_.slots[graph_.values[number].place]->value;
  for (const MemoryPlan::Escape& escape : plan_.escapes) {
    if (escape.slot >= 0) {
      ParameterState& state = *graph_.slots[static_cast<std::size_t>(escape.slot)];
      if (may_overwrite(state)) {
        set_elements(escape.value, Access::elements(std::as_const(state.value)));
        continue;
      }
    }
    outgoing_[escape.value] = Access::make(graph_.values[escape.value].dtype, escape.shape);
    set_elements(escape.value, Access::elements(std::as_const(outgoing_[escape.value])));
  }
}

void Replay::run_step(Step& step) {
  const GraphRecord& record = *step.record;
  if (step.kernel != nullptr) {
    step.kernel->run(record.compute, step.reads, step.uniforms, step.writes, step.extents, step.reductions);
  } else if (record.operation->evaluate) {
    const Tensor result = record.operation->evaluate(step.inputs, record.attributes);
    const std::uint32_t value = record.outputs[0].value;
    buffer(value).owner = std::make_shared<const Tensor>(result);
    set_elements(value, Access::elements(result));
  } else {
    record.operation->kernel(step.inputs, record.attributes, step.outputs);
  }
}

void Replay::run_timed() {
  using Clock = std::chrono::steady_clock;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Clock::time_point began = Clock::now();
    run_step(steps_[i]);
    timing_.seconds[i] += std::chrono::duration<double>(Clock::now() - began).count();
  }
  ++timing_.runs;
}

Tensor Replay::outcome(std::uint32_t number, std::span<const Tensor> inputs) const {
  const GraphValue& value = graph_.values[number];
  switch (value.source) {
    case Source::input: return inputs[value.place];
    case Source::constant: return value.constant;
    default: return outgoing_[number];
  }
}

void Replay::pass_on(std::span<const Tensor> inputs, std::span<Tensor> results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Use& use = graph_.results[i];
    const Tensor result = outcome(use.value, inputs);
    results[i] = result.shape() == use.shape ? result : Access::alias(result, use.shape);
  }
  for (const Assignment& assignment : graph_.assignments) {
    ParameterState& state = *graph_.slots[assignment.slot];
    Tensor value = outcome(assignment.value, inputs);
    if (!value.defined()) continue;  // written over the old one
    const Shape& shape = state.value.shape();
    state.value = value.shape() == shape ? std::move(value) : Access::alias(value, shape);
  }
  for (const MemoryPlan::Escape& escape : plan_.escapes) outgoing_[escape.value] = {};
  for (const std::uint32_t number : old_) outgoing_[number] = {};
}

void Replay::run(std::span<const Tensor> inputs, std::span<Tensor> results) {
  bind(inputs);
  if (is_timed_) {
    run_timed();
  } else {
    for (Step& step : steps_) run_step(step);
  }
  pass_on(inputs, results);
}

}  // namespace wengert::detail
