#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/replay.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::detail {
namespace {

std::byte placeholder;

// Copying so little is cheaper than telling everybody who reads it.
constexpr std::size_t most_copied_bytes = 4096;

bool is_asked_for_times() {
  const char* const asked = std::getenv("WENGERT_PROFILE");
  return asked != nullptr && std::strcmp(asked, "1") == 0;
}

}  // namespace

Replay::Replay(Graph graph)
    : graph_(std::move(graph)),
      plan_(plan_memory(graph_)),
      elements_(graph_.values.size(), &placeholder),
      moving_(graph_.values.size()),
      bases_(graph_.values.size()),
      outgoing_(graph_.values.size()),
      is_timed_(is_asked_for_times()) {
  place_values();
  make_steps();
  if (is_timed_) timing_.seconds.resize(steps_.size());
}

Replay::~Replay() = default;

/// Decides what stays where it is from run to run, and what does not.
void Replay::place_values() {
  std::vector<bool> passed_on(graph_.values.size(), false);
  for (const Assignment& assignment : graph_.assignments) passed_on[assignment.value] = true;
  for (const Use& use : graph_.results) passed_on[use.value] = true;
  std::size_t end = plan_.bytes;  // of the arena: behind the plan come the copies
  for (std::uint32_t value = 0; value < graph_.values.size(); ++value) {
    const Source source = graph_.values[value].source;
    if (graph_.values[value].part != nullptr) continue;
    if (source == Source::slot && passed_on[value]) old_.push_back(value);
    if (source == Source::constant) {
      elements_[value] = const_cast<void*>(Access::elements(graph_.values[value].constant));  // nobody writes it
    } else if ((source == Source::input || source == Source::slot) &&
               graph_.values[value].bytes() <= most_copied_bytes) {
      copied_.push_back(value);
      end += kernels::whole_blocks(graph_.values[value].bytes());
    } else if (source == Source::fleeting) {
      elements_[value] = nullptr;
    } else if (source != Source::computed || plan_.offsets[value] == MemoryPlan::elsewhere) {
      if (source != Source::computed) referred_.push_back(value);
      moving_[value] = std::make_unique<Moving>();
    }
  }
  arena_.resize(end);
  for (std::uint32_t value = 0; value < graph_.values.size(); ++value) {
    if (graph_.values[value].source == Source::computed && moving_[value] == nullptr)
      elements_[value] = arena_.data() + offset_of(value);
  }
  std::byte* copy = arena_.data() + plan_.bytes;
  for (const std::uint32_t value : copied_) {
    elements_[value] = copy;
    copy += kernels::whole_blocks(graph_.values[value].bytes());
  }
}

std::size_t Replay::offset_of(std::uint32_t value) const {
  const Root root = root_of(graph_, value);
  return plan_.offsets[root.value] + static_cast<std::size_t>(root.first) * size_of(graph_.values[value].dtype);
}

void Replay::make_steps() {
  make_room_for_steps();
  for (const GraphRecord& record : graph_.records) {
    if (record.is_pointwise()) {
      steps_.emplace_back(pointwise_step(record));
    } else if (record.operation->prepare) {
      steps_.emplace_back(prepared_step(record));
    } else {
      steps_.emplace_back(tensor_step(record));
    }
  }
}

/// Kernels are shown what they read and write by address: it must not move when another one is added.
void Replay::make_room_for_steps() {
  std::size_t reads = 0, writes = 0, reductions = 0, uniforms = 0, read = 0, written = 0;
  for (const GraphRecord& record : graph_.records) {
    (record.is_pointwise() ? reads : read) += record.read().size();
    read += record.inputs.size() - record.read().size();
    (record.is_pointwise() ? writes : written) += record.computed().size();
    reductions += record.reductions.size();
    if (record.is_pointwise()) uniforms += record.attributes.size();
  }
  reads_.reserve(reads);
  strides_.reserve(reads);
  writes_.reserve(writes);
  reductions_.reserve(reductions);
  uniforms_.reserve(uniforms);
  read_.reserve(read);
  written_.reserve(written);
  steps_.reserve(graph_.records.size());
}

/// Groups that do the same share a program, and so a kernel.
const kernels::PointwiseKernel* Replay::kernel_of(const GraphRecord& record) {
  if (record.fused == nullptr) return &record.operation->pointwise->kernel();
  const auto found = kernels_.find(record.fused.get());
  if (found != kernels_.end()) return &found->second;
  return &kernels_.emplace(record.fused.get(), kernels::PointwiseKernel(*record.fused)).first->second;
}

Replay::PointwiseStep Replay::pointwise_step(const GraphRecord& record) {
  static constexpr std::int64_t next = 1, same = 0;
  if (record.fused == nullptr) {
    for (const Attributes::Entry& entry : record.attributes) uniforms_.push_back(std::get<double>(entry.value));
  }
  const Shape& shape = record.outputs[0].shape;
  const std::int64_t total = shape.elements();
  // Every input has all elements of the result in order, or one.
  const auto read = record.read();
  const bool is_flat = std::all_of(read.begin(), read.end(), [&](const Use& use) {
    return (use.shape.elements() == total && !graph_.values[use.value].is_in_rows()) || use.shape.elements() == 1;
  });
  for (const Use& use : read) {
    if (!is_flat) strides_.push_back(strides_of(use, shape));
    const std::int64_t* const flat = use.shape.elements() == total ? &next : &same;
    reads_.push_back({elements(use.value), graph_.values[use.value].dtype, is_flat ? flat : strides_.back().begin(),
                      is_padded(use.value)});
    if (moving_[use.value]) moving_[use.value]->reads.push_back(&reads_.back().data);
  }
  for (const Use& use : record.computed()) {
    const GraphValue& value = graph_.values[use.value];
    writes_.push_back({elements(use.value), value.dtype, is_padded(use.value)});
    if (value.is_in_rows()) writes_.back().rows = {value.part->run, value.part->step};
    if (moving_[use.value]) moving_[use.value]->writes.push_back(&writes_.back().data);
  }
  for (std::size_t i = 0; i < record.reductions.size(); ++i) {
    const auto& [operation, output, array] = record.reductions[i];
    const std::uint32_t value = record.outputs[record.computed().size() + i].value;
    reductions_.push_back({output, array, elements(value)});
    if (moving_[value]) moving_[value]->writes.push_back(&reductions_.back().data);
  }
  return {kernel_of(record),
          record.compute,
          std::span(reads_).last(read.size()),
          std::span(uniforms_).last(record.fused == nullptr ? record.attributes.size() : 0),
          std::span(writes_).last(record.computed().size()),
          std::span(reductions_).last(record.reductions.size()),
          source_of(record),
          total,
          is_flat ? nullptr : &shape};
}

Ints Replay::strides_of(const Use& use, const Shape& result) const {
  const Ints whole = broadcast_strides(use.shape, result);
  const GraphValue& value = graph_.values[use.value];
  if (!value.is_in_rows()) return whole;
  const std::int64_t run = value.part->run;
  Ints strides;
  for (const std::int64_t stride : whole) strides.push_back(stride < run ? stride : stride / run * value.part->step);
  return strides;
}

/// Records that do the same share a kernel: by operation, attributes and types.
const Operation::Prepared* Replay::prepared_kernel_of(const GraphRecord& record) {
  std::string key = fmt::format("{} {}", static_cast<const void*>(record.operation), to_string(record.attributes));
  const std::vector<Tensor> inputs = types_of(graph_, record.inputs);
  for (const Tensor& input : inputs) {
    key += name_of(input.dtype());
    key += to_string(input.shape());
  }
  const auto [found, added] = prepared_.try_emplace(std::move(key));
  if (added) found->second = record.operation->prepare(inputs, record.attributes);
  return &found->second;
}

std::span<const void* const> Replay::read_by_address(std::span<const Use> uses) {
  for (const Use& use : uses) {
    read_.push_back(elements(use.value));
    if (moving_[use.value]) moving_[use.value]->reads.push_back(&read_.back());
  }
  return std::span(read_).last(uses.size());
}

const kernels::PointwiseSource* Replay::source_of(const GraphRecord& record) {
  if (!record.streamed) return nullptr;
  const auto operands = std::span(record.inputs).last(record.streamed->operands);
  const RowKernel kernel =
      record.streamed->operation->prepare_rows(types_of(graph_, operands), record.streamed->attributes);
  const auto make = [kernel, inputs = read_by_address(operands)](std::int64_t first, std::int64_t count, void* to) {
    kernel.run(inputs, first / kernel.columns, count / kernel.columns, to);
  };
  return &sources_.emplace_back(
      kernels::PointwiseSource{record.streamed->input, record.streamed->block, kernel.work, make});
}

Replay::PreparedStep Replay::prepared_step(const GraphRecord& record) {
  const auto read = read_by_address(record.inputs);
  for (const Use& use : record.outputs) {
    written_.push_back(elements(use.value));
    if (moving_[use.value]) moving_[use.value]->writes.push_back(&written_.back());
  }
  return {prepared_kernel_of(record), read, std::span(written_).last(record.outputs.size())};
}

Replay::TensorStep Replay::tensor_step(const GraphRecord& record) {
  TensorStep step{&record, {}, {}};
  for (const Use& use : record.inputs) step.inputs.push_back(operand(use));
  for (const Use& use : record.outputs) step.outputs.push_back(operand(use));
  return step;
}

Tensor Replay::operand(const Use& use) {
  Tensor& base = bases_[use.value];
  const GraphValue& value = graph_.values[use.value];
  if (!base.defined()) {
    base = value.source == Source::constant
               ? value.constant
               : Tensor::borrow(elements(use.value), value.dtype, Shape{value.elements}, nullptr);
  }
  return Access::alias(base, use.shape);
}

bool Replay::is_padded(std::uint32_t value) const {
  switch (graph_.values[value].source) {
    case Source::constant: return Access::is_padded(graph_.values[value].constant);
    case Source::computed:
    case Source::fleeting: return !graph_.values[value].is_in_rows();
    default: return moving_[value] == nullptr;
  }
}

void Replay::set_elements(std::uint32_t value, const void* elements) {
  // Only records that make a value write to it.
  auto* const memory = const_cast<void*>(elements);
  elements_[value] = memory;
  if (bases_[value].defined()) Access::node(bases_[value])->buffer->elements = memory;
  for (const void** place : moving_[value]->reads) *place = elements;
  for (void** place : moving_[value]->writes) *place = memory;
}

bool Replay::may_overwrite(const ParameterState& state) {
  const TensorNode* node = Access::node(state.value);
  return node->references.load(std::memory_order_acquire) == 1 && node->buffer->is_own() &&
         node->buffer->references.load(std::memory_order_acquire) == 1;
}

const Tensor& Replay::incoming(const GraphValue& value, std::span<const Tensor> inputs) const {
  return value.source == Source::input ? inputs[value.place] : graph_.slots[value.place]->value;
}

void Replay::bind(std::span<const Tensor> inputs) {
  for (const std::uint32_t number : copied_) {
    const GraphValue& value = graph_.values[number];
    if (value.elements != 0) std::memcpy(elements_[number], Access::elements(incoming(value, inputs)), value.bytes());
  }
  for (const std::uint32_t number : referred_)
    set_elements(number, Access::elements(incoming(graph_.values[number], inputs)));
  for (const std::uint32_t number : old_) outgoing_[number] = incoming(graph_.values[number], inputs);
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

void Replay::PointwiseStep::run() const {
  const std::span extents = shape == nullptr ? std::span(&total, 1) : std::span(shape->begin(), shape->rank());
  kernel->run(compute, reads, uniforms, writes, extents, reductions, source);
}

void Replay::run_step(Step& step) {
  if (const auto* pointwise = std::get_if<PointwiseStep>(&step)) {
    pointwise->run();
  } else if (const auto* prepared = std::get_if<PreparedStep>(&step)) {
    (*prepared->kernel)(prepared->reads, prepared->writes);
  } else {
    auto& [record, inputs, outputs] = std::get<TensorStep>(step);
    record->operation->kernel(inputs, record->attributes, outputs);
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
