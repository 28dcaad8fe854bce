#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/replay.h>

namespace wengert::detail {
namespace {

constexpr std::size_t alignment = 64;

std::size_t bytes_of(const GraphValue& value) {
  const std::size_t bytes = static_cast<std::size_t>(value.elements) * size_of(value.dtype);
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Places in one block of memory: taken first fit, given back, neighbours joined.
class Arena {
 public:
  std::size_t take(std::size_t bytes) {
    for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
      if (gap->second < bytes) continue;
      const auto [offset, size] = *gap;
      gaps_.erase(gap);
      if (size > bytes) gaps_.emplace(offset + bytes, size - bytes);
      return offset;
    }
    return std::exchange(end_, end_ + bytes);
  }

  void give_back(std::size_t offset, std::size_t bytes) {
    if (bytes == 0) return;
    auto gap = gaps_.emplace(offset, bytes).first;
    const auto next = std::next(gap);
    if (next != gaps_.end() && gap->first + gap->second == next->first) {
      gap->second += next->second;
      gaps_.erase(next);
    }
    if (gap == gaps_.begin()) return;
    const auto before = std::prev(gap);
    if (before->first + before->second == gap->first) {
      before->second += gap->second;
      gaps_.erase(gap);
    }
  }

  std::size_t size() const { return end_; }

 private:
  std::map<std::size_t, std::size_t> gaps_;
  std::size_t end_ = 0;
};

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

/// The last record that reads each value; `never` where none does.
std::vector<std::size_t> last_reads(const Graph& graph) {
  std::vector<std::size_t> last(graph.values.size(), never);
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    for (const Use& use : graph.records[r].inputs) last[use.value] = r;
  }
  return last;
}

/// Whether a pointwise record may write this output over that input: element by element, each after it was read.
bool may_share(const Graph& graph, const GraphRecord& record, const Use& output, const Use& input) {
  const auto views = std::count_if(record.inputs.begin(), record.inputs.end(),
                                   [&](const Use& use) { return use.value == input.value; });
  return record.is_pointwise() && views == 1 && input.shape == output.shape &&
         graph.values[input.value].dtype == graph.values[output.value].dtype;
}

std::byte placeholder;

}  // namespace

/// A record with its operands bound to memory.
struct Replay::Step {
  const GraphRecord* record = nullptr;
  std::vector<Tensor> inputs = {}, outputs = {};
  // Of a pointwise record:
  std::shared_ptr<const kernels::PointwiseKernel> fused = {};
  const kernels::PointwiseKernel* kernel = nullptr;
  std::vector<Ints> strides = {};
  std::vector<kernels::PointwiseInput> reads = {};
  std::vector<kernels::PointwiseOutput> writes = {};
  std::vector<double> uniforms = {};

  void prepare_pointwise() {
    if (record->fused != nullptr) fused = std::make_shared<kernels::PointwiseKernel>(*record->fused);
    kernel = fused != nullptr ? fused.get() : &record->operation->pointwise->kernel();
    for (const Tensor& input : inputs) strides.push_back(broadcast_strides(input.shape(), outputs[0].shape()));
    for (std::size_t i = 0; i < inputs.size(); ++i) reads.push_back({nullptr, inputs[i].dtype(), strides[i].begin()});
    for (const Tensor& output : outputs) writes.push_back({nullptr, output.dtype()});
    if (record->fused != nullptr) return;
    for (const Attributes::Entry& entry : record->attributes) uniforms.push_back(std::get<double>(entry.value));
  }

  void run() {
    if (kernel != nullptr) {
      for (std::size_t i = 0; i < reads.size(); ++i) reads[i].data = Access::elements(std::as_const(inputs[i]));
      for (std::size_t i = 0; i < writes.size(); ++i) writes[i].data = Access::elements(outputs[i]);
      const Shape& shape = outputs[0].shape();
      kernel->run(record->compute, reads, uniforms, writes, std::span(shape.begin(), shape.rank()));
    } else if (record->operation->evaluate) {
      const Tensor result = record->operation->evaluate(inputs, record->attributes);
      Buffer* own = Access::node(outputs[0])->buffer;
      own->owner = std::make_shared<const Tensor>(result);
      own->elements = const_cast<void*>(Access::elements(result));
    } else {
      record->operation->kernel(inputs, record->attributes, outputs);
    }
  }
};

Replay::Replay(Graph graph) : graph_(std::move(graph)) {
  make_bases();
  make_steps();
  find_escapes();
  plan_arena();
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
  for (const GraphRecord& record : graph_.records) {
    Step step{.record = &record};
    for (const Use& use : record.inputs) step.inputs.push_back(Access::alias(bases_[use.value], use.shape));
    for (const Use& use : record.outputs) step.outputs.push_back(Access::alias(bases_[use.value], use.shape));
    if (record.is_pointwise()) step.prepare_pointwise();
    steps_.push_back(std::move(step));
  }
}

void Replay::find_escapes() {
  escape_of_.assign(graph_.values.size(), -1);
  const auto add = [&](std::uint32_t value, const Shape& shape) {
    if (graph_.values[value].source != Source::computed || escape_of_[value] >= 0) return;
    escape_of_[value] = static_cast<std::int64_t>(escapes_.size());
    escapes_.push_back({value, slot_to_overwrite(value), shape, {}});
  };
  for (const Assignment& assignment : graph_.assignments)
    add(assignment.value, graph_.slots[assignment.slot]->value.shape());
  for (const Use& use : graph_.results) add(use.value, use.shape);
  old_values_.resize(graph_.values.size());
  passed_on_.assign(graph_.values.size(), false);
  for (const Assignment& assignment : graph_.assignments) passed_on_[assignment.value] = true;
  for (const Use& use : graph_.results) passed_on_[use.value] = true;
}

/// The slot that gets a value, where the value may take the place of the slot's old one: it is made by a pointwise
/// record that reads the old one element by element, and is the last to read it; and neither is passed on elsewhere.
std::int64_t Replay::slot_to_overwrite(std::uint32_t value) const {
  const auto is_result = [&](std::uint32_t v) {
    return std::any_of(graph_.results.begin(), graph_.results.end(), [&](const Use& use) { return use.value == v; });
  };
  const auto assigned = [&](std::uint32_t v) {
    return std::count_if(graph_.assignments.begin(), graph_.assignments.end(),
                         [&](const Assignment& a) { return a.value == v; });
  };
  if (is_result(value) || assigned(value) != 1) return -1;
  const auto assignment = std::find_if(graph_.assignments.begin(), graph_.assignments.end(),
                                       [&](const Assignment& a) { return a.value == value; });
  const std::vector<std::size_t> last = last_reads(graph_);
  for (std::size_t r = 0; r < graph_.records.size(); ++r) {
    const GraphRecord& record = graph_.records[r];
    const auto output =
        std::find_if(record.outputs.begin(), record.outputs.end(), [&](const Use& use) { return use.value == value; });
    if (output == record.outputs.end()) continue;
    for (const Use& input : record.inputs) {
      const GraphValue& old = graph_.values[input.value];
      if (old.source != Source::slot || old.place != assignment->slot) continue;
      const bool free = last[input.value] == r && !is_result(input.value) && assigned(input.value) == 0;
      if (free && may_share(graph_, record, *output, input)) return assignment->slot;
    }
  }
  return -1;
}

void Replay::plan_arena() {
  const std::vector<std::size_t> last = last_reads(graph_);
  Arena arena;
  std::vector<std::size_t> offsets(graph_.values.size(), never);
  std::vector<bool> lives(graph_.values.size(), false);
  for (std::size_t r = 0; r < graph_.records.size(); ++r) {
    const GraphRecord& record = graph_.records[r];
    if (!record.is_pointwise() && record.operation->evaluate) continue;  // brings its own memory
    for (const Use& output : record.outputs) {
      if (escape_of_[output.value] >= 0) continue;
      const auto heir = std::find_if(record.inputs.begin(), record.inputs.end(), [&](const Use& input) {
        return lives[input.value] && last[input.value] == r && may_share(graph_, record, output, input);
      });
      if (heir != record.inputs.end()) {
        lives[heir->value] = false;
        offsets[output.value] = offsets[heir->value];
      } else {
        offsets[output.value] = arena.take(bytes_of(graph_.values[output.value]));
      }
      lives[output.value] = true;
    }
    const auto end_life = [&](const Use& use) {
      if (!lives[use.value] || (last[use.value] != r && last[use.value] != never)) return;
      lives[use.value] = false;
      arena.give_back(offsets[use.value], bytes_of(graph_.values[use.value]));
    };
    std::for_each(record.inputs.begin(), record.inputs.end(), end_life);
    std::for_each(record.outputs.begin(), record.outputs.end(), end_life);
  }
  arena_.resize(arena.size());
  for (std::uint32_t value = 0; value < offsets.size(); ++value) {
    if (offsets[value] != never) buffer(value).elements = arena_.data() + offsets[value];
  }
}

bool Replay::may_overwrite(const ParameterState& state) {
  const TensorNode* node = Access::node(state.value);
  return node->references.load(std::memory_order_acquire) == 1 && !node->buffer->owner &&
         node->buffer->references.load(std::memory_order_acquire) == 1;
}

void Replay::bind(std::span<const Tensor> inputs) {
  for (std::uint32_t number = 0; number < graph_.values.size(); ++number) {
    const GraphValue& value = graph_.values[number];
    if (value.source != Source::input && value.source != Source::slot) continue;
    const Tensor& now = value.source == Source::input ? inputs[value.place] : graph_.slots[value.place]->value;
    buffer(number).elements = Access::node(now)->buffer->elements;
    if (value.source == Source::slot && passed_on_[number]) old_values_[number] = now;
  }
  for (Escape& escape : escapes_) {
    if (escape.slot >= 0) {
      ParameterState& state = *graph_.slots[static_cast<std::size_t>(escape.slot)];
      if (may_overwrite(state)) {
        buffer(escape.value).elements = Access::elements(state.value);
        escape.fresh = {};
        continue;
      }
    }
    escape.fresh = Access::make(graph_.values[escape.value].dtype, escape.shape);
    buffer(escape.value).elements = Access::elements(escape.fresh);
  }
}

Tensor Replay::outcome(std::uint32_t number, std::span<const Tensor> inputs) const {
  const GraphValue& value = graph_.values[number];
  switch (value.source) {
    case Source::input: return inputs[value.place];
    case Source::slot: return old_values_[number];
    case Source::constant: return value.constant;
    case Source::computed: break;
  }
  return escapes_[static_cast<std::size_t>(escape_of_[number])].fresh;
}

void Replay::run(std::span<const Tensor> inputs, std::span<Tensor> results) {
  bind(inputs);
  for (Step& step : steps_) step.run();
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
  for (Escape& escape : escapes_) escape.fresh = {};
  std::fill(old_values_.begin(), old_values_.end(), Tensor());
}

}  // namespace wengert::detail
