#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/replay.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::detail {
namespace {

std::byte placeholder;

// Copying so little is cheaper than telling everybody who reads it.
constexpr std::size_t most_copied_bytes = 4096;

// Of a plan that the second-level cache does not hold, what a record of few elements reads and writes is anywhere,
// which no processor foresees. It is asked for so many records ahead: the first lines, of few elements all.
constexpr std::size_t most_near_bytes = std::size_t{256} << 10, records_ahead = 4, lines_asked = 2;

template <typename T>
void ask_for(std::span<T* const> operands) {
  for (T* const operand : operands) {
    if (operand == nullptr) continue;  // of what is fleeting
    for (std::size_t line = 0; line < lines_asked; ++line)
      __builtin_prefetch(static_cast<const std::byte*>(operand) + line * kernels::block_bytes);
  }
}

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
  const std::vector<bool> passed_on = find_passed_on(graph_);
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
  std::byte* copy = arena_.data() + plan_.bytes;
  for (const std::uint32_t value : copied_) {
    elements_[value] = copy;
    copy += kernels::whole_blocks(graph_.values[value].bytes());
  }
  for (std::uint32_t value = 0; value < graph_.values.size(); ++value) {
    if (graph_.values[value].source == Source::computed && moving_[value] == nullptr) place_in_whole(value);
  }
}

/// A value with a place of its own is all of its root.
void Replay::place_in_whole(std::uint32_t value) {
  const auto [root, first] = root_of(graph_, value);
  const std::size_t begin = static_cast<std::size_t>(first) * size_of(graph_.values[value].dtype);
  if (moving_[root] != nullptr) {
    moving_[value] = std::make_unique<Moving>();
    moving_[root]->parts.emplace_back(value, begin);
  } else if (graph_.values[root].source == Source::computed) {
    elements_[value] = arena_.data() + plan_.offsets[root] + begin;
  } else {
    elements_[value] = static_cast<std::byte*>(elements_[root]) + begin;
  }
}

void Replay::make_steps() {
  make_room_for_steps();
  for (const GraphRecord& record : graph_.records)
    steps_.push_back({&kernel_of(record), read_by_address(record.inputs), written_by_address(record.outputs)});
}

/// Kernels are shown addresses by address: they must not move when another one is added.
void Replay::make_room_for_steps() {
  std::size_t reads = 0, writes = 0;
  for (const GraphRecord& record : graph_.records) {
    reads += record.inputs.size();
    writes += record.outputs.size();
  }
  read_.reserve(reads);
  written_.reserve(writes);
  steps_.reserve(graph_.records.size());
}

std::span<const void* const> Replay::read_by_address(std::span<const Use> uses) {
  for (const Use& use : uses) {
    read_.push_back(elements(use.value));
    if (moving_[use.value]) moving_[use.value]->reads.push_back(&read_.back());
  }
  return std::span(read_).last(uses.size());
}

std::span<void* const> Replay::written_by_address(std::span<const Use> uses) {
  for (const Use& use : uses) {
    written_.push_back(elements(use.value));
    if (moving_[use.value]) moving_[use.value]->writes.push_back(&written_.back());
  }
  return std::span(written_).last(uses.size());
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
    case Source::fleeting: return graph_.values[value].is_in_order();
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
  for (const auto& [part, begin] : moving_[value]->parts)
    set_elements(part, static_cast<const std::byte*>(elements) + begin);
}

bool Replay::may_overwrite(const ParameterState& state) {
  const TensorNode* node = Access::node(state.value);
  return node->references.load(std::memory_order_acquire) == 1 && node->buffer->is_own() &&
         node->buffer->references.load(std::memory_order_acquire) == 1;
}

const Tensor& Replay::incoming(const GraphValue& value, std::span<const Tensor> inputs) const {
  return value.source == Source::input ? inputs[value.place] : graph_.slots[value.place].state->value;
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
      ParameterState& state = *graph_.slots[static_cast<std::size_t>(escape.slot)].state;
      if (may_overwrite(state)) {
        set_elements(escape.value, Access::elements(std::as_const(state.value)));
        continue;
      }
    }
    outgoing_[escape.value] = Access::make(graph_.values[escape.value].dtype, escape.shape);
    set_elements(escape.value, Access::elements(std::as_const(outgoing_[escape.value])));
  }
}

/// One of so many pieces of a step, which takes its part of the time that is measured.
template <typename F>
void Replay::run_step(std::size_t number, std::int64_t pieces, const F& f) {
  if (!is_timed_) return f(steps_[number]);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = Clock::now();
  f(steps_[number]);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::atomic_ref(timing_.seconds[number]) += seconds / static_cast<double>(pieces);
}

void Replay::run_steps(std::size_t begin, std::size_t end) {
  const bool asks = plan_.bytes > most_near_bytes;
  for (std::size_t i = begin; i < end; ++i) {
    if (asks && i + records_ahead < end) {
      ask_for(steps_[i + records_ahead].reads);
      ask_for(steps_[i + records_ahead].writes);
    }
    run_step(i, 1, [](const Step& step) { step.kernel->run(step.reads, step.writes); });
  }
}

/// Each thread does its rows of all records: as many as bits ask for, or all together do the records one by one.
void Replay::run_by_rows(const RowRun& run) {
  const std::int64_t pieces = kernels::threads(), blocks = run.rows / RowKernel::fewest;
  if (pieces == 1 || pieces > blocks) return run_steps(run.first, run.first + run.count);
  kernels::parallel_for(pieces, [&](std::int64_t piece) {
    const std::int64_t begin = blocks * piece / pieces * RowKernel::fewest;
    const std::int64_t end = piece + 1 < pieces ? blocks * (piece + 1) / pieces * RowKernel::fewest : run.rows;
    for (std::size_t i = run.first; i < run.first + run.count; ++i) {
      run_step(i, pieces,
               [&](const Step& step) { step.kernel->run_rows(step.reads, step.writes, begin, end - begin); });
    }
  });
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
    ParameterState& state = *graph_.slots[assignment.slot].state;
    Tensor value = outcome(assignment.value, inputs);
    if (!value.defined()) continue;  // written over the old one
    const Shape& shape = state.value.shape();
    state.value = value.shape() == shape ? std::move(value) : Access::alias(value, shape);
  }
}

void Replay::run(std::span<const Tensor> inputs, std::span<Tensor> results) {
  const LettingGo at_the_end{*this};  // also where an operation throws
  bind(inputs);
  std::size_t next = 0;
  for (const RowRun& by_rows : graph_.row_runs) {
    run_steps(next, by_rows.first);
    run_by_rows(by_rows);
    next = by_rows.first + by_rows.count;
  }
  run_steps(next, steps_.size());
  if (is_timed_) ++timing_.runs;
  pass_on(inputs, results);
}

}  // namespace wengert::detail
