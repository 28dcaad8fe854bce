#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/kernels/pointwise_plan.h>

namespace wengert::detail {
namespace {

using kernels::Instruction;
using kernels::Primitive;
using kernels::Program;

// What all readers together may compute again, in the units of kernels::cost_of: a value beyond the cache that is not
// written, nor read into the cache before that, saves more.
constexpr double most_cost = 32;
// A record that reads more gains nothing.
constexpr std::size_t most_operands = 32;
// What is stretched to the value's shape must be little beside it.
constexpr std::int64_t least_stretched = 16;

bool is_cheap(const Instruction& instruction) {
  switch (instruction.primitive) {
    case Primitive::div:
    case Primitive::sqrt: return false;
    default: return kernels::cost_of(instruction.primitive) <= kernels::cost_of(Primitive::add);
  }
}

/// Goes through the records in order: what readers have taken over they may pass on in turn.
class Recomputing {
 public:
  explicit Recomputing(Graph graph)
      : graph_(std::move(graph)),
        readers_(graph_.values.size()),
        is_passed_on_(find_passed_on(graph_)),
        is_left_out_(graph_.records.size(), false) {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) note_reads(r);
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      if (!takes_part(graph_.records[r])) continue;
      for (std::size_t k = graph_.records[r].outputs.size(); k-- > 0;) pass_on(r, k);
    }
    leave_out(graph_, is_left_out_);
  }
  Graph take() { return std::move(graph_); }

 private:
  static bool takes_part(const GraphRecord& record) { return is_formula(record) && is_floating(record.compute); }

  void note_reads(std::size_t r) {
    for (const Use& use : graph_.records[r].inputs) {
      std::vector<std::size_t>& readers = readers_[use.value];
      const auto at = std::lower_bound(readers.begin(), readers.end(), r);
      if (at == readers.end() || *at != r) readers.insert(at, r);
    }
  }

  /// Has the readers of a record's result compute it themselves, where that is cheaper than to write it.
  void pass_on(std::size_t r, std::size_t k) {
    const Use result = graph_.records[r].outputs[k];
    if (graph_.values[result.value].bytes() < beyond_cache_bytes || is_passed_on_[result.value]) return;
    std::vector<std::size_t> readers, reductions;  // which the record does itself
    for (const std::size_t reader : readers_[result.value])
      (can_attach(graph_, graph_.records[reader]) ? reductions : readers).push_back(reader);
    if (readers.empty()) return;
    const GraphRecord expression = expression_of(graph_.records[r], k);
    if (cost_of(*expression.fused) * static_cast<double>(readers.size()) > most_cost) return;
    if (!is_read_from_one_array(expression) || !are_alike(readers, expression)) return;
    std::vector<bool> leaves(graph_.values.size(), true);
    leaves[result.value] = false;
    for (const std::size_t reader : readers) {
      graph_.records[reader] = join(graph_, std::array{&expression, &std::as_const(graph_.records[reader])}, leaves);
      note_reads(reader);
    }
    if (reductions.empty()) leave_out_result(r, k);
    readers_[result.value] = std::move(reductions);
  }

  /// One result of a record, as a record.
  static GraphRecord expression_of(const GraphRecord& record, std::size_t k) {
    Program program = program_of(record);
    program.outputs = {program.outputs[k]};
    GraphRecord expression{.inputs = record.inputs, .outputs = {record.outputs[k]}, .compute = record.compute};
    set_needed_program(expression, program);
    for (const Operation* part : record.operation != nullptr ? std::vector{record.operation} : record.parts) {
      if (is_made_of(*part, *expression.fused)) expression.parts.push_back(part);
    }
    return expression;
  }

  static bool is_made_of(const Operation& part, const Program& program) {
    const auto& instructions = part.pointwise->program().instructions;
    return std::all_of(instructions.begin(), instructions.end(), [&](const Instruction& wanted) {
      return std::any_of(program.instructions.begin(), program.instructions.end(),
                         [&](const Instruction& found) { return found.primitive == wanted.primitive; });
    });
  }

  /// Whether the expression is cheap, and reads but one array as large as itself, which others read, too: so each
  /// reader reads as much as before, and nothing lives on for it alone.
  bool is_read_from_one_array(const GraphRecord& expression) const {
    const auto& instructions = expression.fused->instructions;
    if (!std::all_of(instructions.begin(), instructions.end(), is_cheap)) return false;
    const GraphValue& made = graph_.values[expression.outputs[0].value];
    std::size_t arrays = 0;
    for (const Use& use : expression.inputs) {
      const GraphValue& value = graph_.values[use.value];
      if (value.elements * least_stretched <= made.elements) continue;
      const bool is_there = value.source == Source::input || value.source == Source::constant ||
                            (value.source == Source::computed && readers_[use.value].size() > 1);
      if (!is_there || use.shape != expression.outputs[0].shape || value.bytes() > made.bytes()) return false;
      ++arrays;
    }
    return arrays == 1 && made.dtype == expression.compute;
  }

  bool are_alike(const std::vector<std::size_t>& readers, const GraphRecord& expression) const {
    const Use& result = expression.outputs[0];
    return std::all_of(readers.begin(), readers.end(), [&](std::size_t r) {
      const GraphRecord& reader = graph_.records[r];
      return takes_part(reader) && reader.compute == expression.compute && reader.outputs[0].shape == result.shape &&
             reader.inputs.size() + expression.inputs.size() <= most_operands &&
             std::all_of(reader.inputs.begin(), reader.inputs.end(),
                         [&](const Use& use) { return use.value != result.value || use == result; });
    });
  }

  void leave_out_result(std::size_t r, std::size_t k) {
    GraphRecord& record = graph_.records[r];
    if (record.outputs.size() == 1) {
      is_left_out_[r] = true;
      return;
    }
    Program program = program_of(record);
    program.outputs.erase(program.outputs.begin() + static_cast<std::ptrdiff_t>(k));
    record.outputs.erase(record.outputs.begin() + static_cast<std::ptrdiff_t>(k));
    set_needed_program(record, program);
  }

  Graph graph_;
  std::vector<std::vector<std::size_t>> readers_;  // by value: records, in order
  std::vector<bool> is_passed_on_;                 // by value: as a result or to a slot
  std::vector<bool> is_left_out_;                  // by record
};

}  // namespace

Graph recompute(Graph graph) { return Recomputing(std::move(graph)).take(); }

}  // namespace wengert::detail
