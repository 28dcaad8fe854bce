#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <string>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/internal/tracer.h>

namespace wengert::detail {
namespace {

/// An operand laid out otherwise: by what record, whose result has no value yet; and the number of the layout among
/// different ones.
struct LaidOut {
  OtherLayout layout;
  GraphRecord maker;
  std::uint32_t number = 0;
};

std::optional<LaidOut> other_layout(const Graph& graph, const GraphRecord& record) {
  if (record.is_pointwise() || record.operation->other_layout == nullptr) return std::nullopt;
  auto layout = record.operation->other_layout(types_of(graph, record.inputs), record.attributes);
  if (!layout) return std::nullopt;
  GraphRecord maker;
  maker.operation = layout->operation;
  maker.attributes = layout->attributes;
  maker.inputs.push_back({record.inputs[layout->input].value, layout->seen});
  TensorType type;
  layout->operation->infer(types_of(graph, maker.inputs), maker.attributes, std::span(&type, 1));
  maker.outputs.push_back({0, type.shape});
  return LaidOut{std::move(*layout), std::move(maker)};
}

/// Equal constants: by their dtype and bytes. What is large is not looked at.
Numbering::Words key_of(const GraphValue& constant) {
  const std::size_t bytes = constant.bytes();
  constexpr std::size_t most_bytes = 64;
  if (constant.source != Source::constant || bytes > most_bytes) return {};
  Numbering::Words words{static_cast<std::uint64_t>(constant.dtype)};
  const auto* const elements = static_cast<const std::uint8_t*>(Access::elements(constant.constant));
  words.insert(words.end(), elements, elements + bytes);
  return words;
}

/// What is reduced, where the axes are neighbours and pieces of it stay in the cache.
std::optional<kernels::ReducedArray> reduced_array(const Graph& graph, const GraphRecord& record) {
  if (record.is_pointwise() || !record.operation->reduces) return std::nullopt;
  const ReductionRule& rule = *record.operation->reduces;
  const Use& use = record.inputs[0];
  const GraphValue& value = graph.values[use.value];
  const Ints axes = rule.axes(use.shape, record.attributes);
  if (axes.empty() || value.elements == 0) return std::nullopt;
  const auto first = static_cast<std::size_t>(axes[0]), last = static_cast<std::size_t>(axes[axes.size() - 1]);
  if (last - first + 1 != axes.size()) return std::nullopt;
  const AxisRun run(use.shape, first, last + 1);
  const kernels::ReducedArray array{rule.reduction, value.dtype, run.outer, run.n, run.inner};
  if (kernels::PiecewiseReduction::piece_elements(array) == 0) return std::nullopt;
  return array;
}

/// Whether the maker can do this beside what it reduces already.
bool is_cut_alike(const GraphRecord& maker, const kernels::ReducedArray& array) {
  using Pieces = kernels::PiecewiseReduction;
  return maker.reductions.empty() || maker.piece() == Pieces::piece_elements(array);
}

Numbering::Words words_of(const kernels::Program& program) {
  Numbering::Words words{program.inputs, program.uniforms};
  for (const kernels::Instruction& instruction : program.instructions) {
    const auto& [primitive, a, b, c, value] = instruction;
    words.push_back(static_cast<std::uint64_t>(primitive) << 48 | std::uint64_t{a} << 32 | std::uint64_t{b} << 16 | c);
    if (primitive == kernels::Primitive::constant) words.push_back(std::bit_cast<std::uint64_t>(value));
  }
  words.insert(words.end(), program.outputs.begin(), program.outputs.end());
  return words;
}

}  // namespace

Numbering::Words key_of(const GraphRecord& record) {
  Numbering::Words words{reinterpret_cast<std::uintptr_t>(record.operation)};
  add_words(words, record.attributes);
  for (const Use& use : record.inputs) {
    words.push_back(use.value);
    add_words(words, use.shape);
  }
  // Not told by the operands where broadcasts were skipped.
  for (const Use& use : record.outputs) add_words(words, use.shape);
  return words;
}

kernels::Program program_of(const GraphRecord& record) {
  if (record.fused != nullptr) return *record.fused;
  kernels::Program program = record.formula();
  std::vector<kernels::Instruction> literals;
  for (const Attributes::Entry& entry : record.attributes)
    literals.push_back({.primitive = kernels::Primitive::constant, .value = std::get<double>(entry.value)});
  program.instructions.insert(program.instructions.begin(), literals.begin(), literals.end());
  program.uniforms = 0;
  return program;
}

bool is_formula(const GraphRecord& record) {
  return record.fused != nullptr || (record.is_pointwise() && !record.operation->pointwise->kernel().is_native());
}

void set_program(GraphRecord& record, kernels::Program program) {
  record.fused = std::make_shared<const kernels::Program>(std::move(program));
  if (record.operation == nullptr) return;
  record.parts = {std::exchange(record.operation, nullptr)};
  record.attributes = {};
}

void set_needed_program(GraphRecord& record, const kernels::Program& program) {
  auto [needed, used] = only_used_inputs(without_dead_code(program));
  std::vector<Use> inputs;
  for (const std::uint16_t input : used) inputs.push_back(record.inputs[input]);
  record.inputs = std::move(inputs);
  set_program(record, std::move(needed));
}

std::vector<Tensor> types_of(const Graph& graph, std::span<const Use> uses) {
  static const std::byte nothing{};
  std::vector<Tensor> types;
  for (const Use& use : uses)
    types.push_back(Tensor::borrow(&nothing, graph.values[use.value].dtype, use.shape, nullptr));
  return types;
}

std::optional<RowKernel> kernel_by_rows(const Graph& graph, const GraphRecord& record) {
  constexpr std::size_t most_bytes = std::size_t{256} << 10;
  if (record.is_pointwise() || !record.operation->prepare_rows) return std::nullopt;
  RowKernel kernel = record.operation->prepare_rows(types_of(graph, record.inputs), record.attributes);
  if (!kernel.is_by_rows || kernel.columns < RowKernel::fewest) return std::nullopt;
  for (const Use& use : std::span(record.inputs).subspan(1)) {
    if (graph.values[use.value].bytes() > most_bytes) return std::nullopt;
  }
  return kernel;
}

std::size_t cut_axis(const GraphRecord& record) {
  const Use& whole = record.operation->joins ? record.outputs[0] : record.inputs[0];
  return axis_of(record.operation->name.c_str(), whole.shape, record.attributes);
}

bool is_addition(const Graph& graph, const GraphRecord& record) {
  if (!record.is_pointwise() || record.fused != nullptr) return false;
  const kernels::Program& program = record.formula();
  if (program.inputs != 2 || program.instructions.size() != 1 || program.outputs != std::vector<std::uint16_t>{2})
    return false;
  const kernels::Instruction& instruction = program.instructions[0];
  const Use& sum = record.outputs[0];
  return instruction.primitive == kernels::Primitive::add && instruction.a != instruction.b &&
         record.compute == graph.values[sum.value].dtype &&
         std::all_of(record.inputs.begin(), record.inputs.end(), [&](const Use& use) {
           return use.shape == sum.shape && graph.values[use.value].dtype == record.compute;
         });
}

bool same_attributes(const Attributes& a, const Attributes& b) { return to_string(a) == to_string(b); }

void leave_out(Graph& graph, const std::vector<bool>& is_left_out) {
  // In place: in a new array each record would touch memory that was not there.
  std::erase_if(graph.records, [&, first = graph.records.data()](const GraphRecord& record) {
    return is_left_out[static_cast<std::size_t>(&record - first)];
  });
}

std::vector<std::size_t> find_makers(const Graph& graph) {
  std::vector<std::size_t> makers(graph.values.size(), no_record);
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    for (const Use& use : graph.records[r].outputs) makers[use.value] = r;
  }
  return makers;
}

std::vector<bool> find_passed_on(const Graph& graph) {
  std::vector<bool> are_passed_on(graph.values.size(), false);
  for (const Use& use : graph.results) are_passed_on[use.value] = true;
  for (const Assignment& assignment : graph.assignments) are_passed_on[assignment.value] = true;
  return are_passed_on;
}

std::vector<std::uint32_t> count_reads(const Graph& graph) {
  std::vector<std::uint32_t> reads(graph.values.size(), 0);
  for (const GraphRecord& record : graph.records) {
    for (const Use& use : record.inputs) ++reads[use.value];
  }
  for (const Use& use : graph.results) ++reads[use.value];
  for (const Assignment& assignment : graph.assignments) ++reads[assignment.value];
  return reads;
}

Graph remove_dead_records(Graph graph) {
  std::vector<std::uint32_t> reads = count_reads(graph);
  std::vector<bool> is_dead(graph.records.size());
  for (std::size_t r = graph.records.size(); r-- > 0;) {
    const GraphRecord& record = graph.records[r];
    is_dead[r] = std::none_of(record.outputs.begin(), record.outputs.end(),
                              [&](const Use& output) { return reads[output.value] != 0; });
    if (!is_dead[r]) continue;
    for (const Use& use : record.inputs) --reads[use.value];
  }
  leave_out(graph, is_dead);
  return graph;
}

Graph skip_broadcasts(Graph graph) {
  std::vector<const GraphRecord*> stretched_by(graph.values.size());
  for (const GraphRecord& record : graph.records) {
    if (record.operation->stretches) stretched_by[record.outputs[0].value] = &record;
  }
  for (GraphRecord& record : graph.records) {
    if (!record.is_pointwise()) continue;
    for (Use& use : record.inputs) {
      for (const GraphRecord* by = stretched_by[use.value]; by != nullptr && use.shape == by->outputs[0].shape;
           by = stretched_by[use.value])
        use = by->inputs[0];
    }
  }
  return graph;
}

Graph merge_equal_records(Graph graph) {
  std::vector<std::uint32_t> stands_for(graph.values.size());
  std::iota(stands_for.begin(), stands_for.end(), 0);
  Numbering constant_number, record_number;
  std::vector<std::uint32_t> constants;
  for (std::uint32_t value = 0; value < graph.values.size(); ++value) {
    Numbering::Words key = key_of(graph.values[value]);
    if (key.empty()) continue;
    const std::uint32_t number = constant_number(std::move(key));
    if (number == constants.size()) constants.push_back(value);
    stands_for[value] = constants[number];
  }
  const auto rename = [&](Use& use) { use.value = stands_for[use.value]; };
  std::vector<std::size_t> firsts;  // of equal records, by number
  std::vector<bool> is_equal(graph.records.size(), false);
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    GraphRecord& record = graph.records[r];
    std::for_each(record.inputs.begin(), record.inputs.end(), rename);
    const std::uint32_t number = record_number(key_of(record));
    if (number == firsts.size()) {
      firsts.push_back(r);
      continue;
    }
    is_equal[r] = true;
    const GraphRecord& earlier = graph.records[firsts[number]];
    for (std::size_t i = 0; i < record.outputs.size(); ++i) {
      stands_for[record.outputs[i].value] = earlier.outputs[i].value;
    }
  }
  leave_out(graph, is_equal);
  std::for_each(graph.results.begin(), graph.results.end(), rename);
  for (Assignment& assignment : graph.assignments) assignment.value = stands_for[assignment.value];
  return graph;
}

Graph lay_out_once(Graph graph) {
  Numbering number_of;
  std::vector<std::size_t> readers(graph.records.size(), 0);  // by number
  std::map<std::size_t, LaidOut> layouts;                     // by record
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    std::optional<LaidOut> layout = other_layout(graph, graph.records[r]);
    if (!layout) continue;
    ++readers[layout->number = number_of(key_of(layout->maker))];
    layouts.emplace(r, std::move(*layout));
  }
  if (layouts.empty()) return graph;
  std::map<std::uint32_t, Use> made_by_number;
  std::vector<GraphRecord> records;
  records.reserve(graph.records.size());
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    GraphRecord& record = graph.records[r];
    const auto found = layouts.find(r);
    if (found != layouts.end() && readers[found->second.number] >= found->second.layout.fewest_calls) {
      auto& [layout, maker, number] = found->second;
      record.operation = layout.call;
      record.attributes = std::move(layout.call_attributes);
      const auto [made, is_new] = made_by_number.try_emplace(number);
      if (is_new) {
        made->second = graph.add_value(graph.values[maker.inputs[0].value].dtype, maker.outputs[0].shape);
        maker.outputs[0] = made->second;
        records.push_back(std::move(maker));
      }
      record.inputs[layout.input] = made->second;
    }
    records.push_back(std::move(record));
  }
  graph.records = std::move(records);
  return graph;
}

bool can_attach(const Graph& graph, const GraphRecord& record) { return reduced_array(graph, record).has_value(); }

Graph attach_reductions(Graph graph) {
  std::vector<std::uint32_t> reads = count_reads(graph);
  std::vector<Place> made_at(graph.values.size());
  std::vector<bool> is_attached(graph.records.size(), false);
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    const GraphRecord& record = graph.records[r];
    const Place place = record.inputs.empty() ? Place{} : made_at[record.inputs[0].value];
    const auto array = place.record == no_record ? std::nullopt : reduced_array(graph, record);
    if (array && is_cut_alike(graph.records[place.record], *array)) {
      GraphRecord& maker = graph.records[place.record];
      maker.reductions.push_back({record.operation, place.number, *array});
      maker.outputs.push_back(record.outputs[0]);
      const std::uint32_t value = record.inputs[0].value;
      if (--reads[value] == 0) graph.values[value].source = Source::fleeting;
      is_attached[r] = true;
    } else if (record.is_pointwise()) {
      for (std::size_t k = 0; k < record.outputs.size(); ++k) made_at[record.outputs[k].value] = {r, k};
    }
  }
  leave_out(graph, is_attached);
  return graph;
}

Graph share_programs(Graph graph) {
  Numbering number_of;
  std::vector<std::shared_ptr<const kernels::Program>> programs;
  for (GraphRecord& record : graph.records) {
    if (record.fused == nullptr) continue;
    const std::uint32_t number = number_of(words_of(*record.fused));
    if (number == programs.size()) programs.push_back(record.fused);
    record.fused = programs[number];
  }
  return graph;
}

std::span<const Pass> passes() {
  static constexpr std::array all = {Pass{skip_broadcasts, &CompileOptions::skip_broadcasts},
                                     Pass{remove_dead_records},
                                     Pass{merge_equal_records, &CompileOptions::merge_equal},
                                     Pass{cut_sums, &CompileOptions::cut_sums},
                                     Pass{compute_parts, &CompileOptions::compute_parts},
                                     Pass{gather_products, &CompileOptions::gather_products},
                                     Pass{lay_out_once, &CompileOptions::lay_out_once},
                                     Pass{fuse_pointwise, &CompileOptions::fuse},
                                     Pass{recompute, &CompileOptions::recompute},
                                     Pass{share_subexpressions, &CompileOptions::share_subexpressions},
                                     Pass{attach_reductions, &CompileOptions::attach_reductions},
                                     Pass{attach_products, &CompileOptions::attach_products},
                                     Pass{stream_products, &CompileOptions::stream_products},
                                     Pass{share_parts, &CompileOptions::share_parts},
                                     Pass{share_programs},
                                     Pass{divide_rows, &CompileOptions::divide_rows}};
  return all;
}

}  // namespace wengert::detail
