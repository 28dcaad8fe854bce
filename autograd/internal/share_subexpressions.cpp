#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <wengert/autograd/internal/numbering.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/kernels/pointwise_plan.h>

namespace wengert::detail {
namespace {

using kernels::Instruction;
using kernels::Program;

// What is kept is to be in the second-level cache still when it is read; and a record of few elements costs the same
// with or without it.
constexpr std::size_t most_bytes = 512 * 1024;
constexpr std::int64_t fewest_elements = 256;
// What must be saved of an element, in the units of kernels::cost_of: more than an array costs to write and to read.
constexpr double least_saved = 50;

using Number = std::uint32_t;
using kernels::Flags;

/// Expressions over a graph's values; of one number are those that give the same bits.
class Expressions {
 public:
  /// A value, stretched to a shape.
  Number leaf(const Use& use, const Shape& shape) { return numbers_(leaf_words(use, shape)); }
  /// What an instruction gives in a record of a shape: its operands have that, too, but a constant has none.
  Number instruction(const Instruction& of, DType compute, std::span<const Number> operands, const Shape& shape) {
    Numbering::Words words{static_cast<std::uint64_t>(of.primitive), static_cast<std::uint64_t>(compute),
                           std::bit_cast<std::uint64_t>(of.value)};
    words.insert(words.end(), operands.begin(), operands.end());
    if (operands.empty()) add_words(words, shape);
    return numbers_(std::move(words));
  }
  /// From now on the value is known to be that expression.
  void name(const Use& use, Number expression) { numbers_.set(leaf_words(use, use.shape), expression); }

 private:
  static Numbering::Words leaf_words(const Use& use, const Shape& shape) {
    Numbering::Words words{std::numeric_limits<std::uint64_t>::max(), use.value};
    add_words(words, use.shape);
    add_words(words, shape);
    return words;
  }

  Numbering numbers_;
};

/// The program that reads these instructions' results behind its inputs, in order.
Program reading(const Program& program, const Flags& given) {
  Program rest;
  rest.inputs = static_cast<std::uint16_t>(program.inputs + std::count(given.begin(), given.end(), 1));
  std::vector<std::uint16_t> place(program.inputs);
  std::iota(place.begin(), place.end(), std::uint16_t{0});
  std::uint16_t next = program.inputs;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] != 0) {
      place.push_back(next++);
      continue;
    }
    place.push_back(static_cast<std::uint16_t>(rest.inputs + rest.instructions.size()));
    Instruction& instruction = rest.instructions.emplace_back(program.instructions[i]);
    kernels::for_operands(instruction, [&](std::uint16_t& operand) { operand = place[operand]; });
  }
  for (const std::uint16_t output : program.outputs) rest.outputs.push_back(place[output]);
  return rest;
}

/// Goes through the records in order: each reads what those before it made, and notes what it makes itself.
class WorkSharing {
 public:
  explicit WorkSharing(Graph graph) : graph_(std::move(graph)) {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      if (!takes_part(graph_.records[r])) continue;
      read_what_is_made(r);
      note_what_is_made(r);
    }
  }
  Graph take() { return std::move(graph_); }

 private:
  bool takes_part(const GraphRecord& record) const {
    if (!is_formula(record) || !is_floating(record.compute)) return false;
    const std::int64_t elements = record.outputs[0].shape.elements();
    if (elements < fewest_elements || static_cast<std::size_t>(elements) * size_of(record.compute) > most_bytes)
      return false;
    return is_costly(record.formula());
  }

  static bool is_elementary(const Instruction& instruction) {
    return kernels::cost_of(instruction.primitive) >= least_saved;
  }
  static bool is_costly(const Program& program) {
    return std::any_of(program.instructions.begin(), program.instructions.end(), is_elementary);
  }

  /// The expressions that a program's values are, and whether they cost enough to be kept.
  struct Numbered {
    std::vector<Number> numbers;
    Flags costly;
  };
  Numbered numbered(const GraphRecord& record, const Program& program) {
    Numbered values;
    const Shape& shape = record.outputs[0].shape;
    for (const Use& use : record.inputs) {
      values.numbers.push_back(expressions_.leaf(use, shape));
      values.costly.push_back(0);
    }
    for (const Instruction& instruction : program.instructions) {
      std::vector<Number> operands;
      bool is_costly = is_elementary(instruction);
      kernels::for_operands(instruction, [&](std::uint16_t operand) {
        operands.push_back(values.numbers[operand]);
        is_costly |= values.costly[operand] != 0;
      });
      values.numbers.push_back(expressions_.instruction(instruction, record.compute, operands, shape));
      values.costly.push_back(is_costly ? 1 : 0);
    }
    return values;
  }

  /// From the last instruction on: an expression may be all that others are for.
  void read_what_is_made(std::size_t r) {
    const Program program = program_of(graph_.records[r]);
    const Numbered values = numbered(graph_.records[r], program);
    Flags given(program.instructions.size());
    std::vector<Use> read;
    for (std::size_t i = given.size(); i-- > 0;) {
      const Place made = place_of(values.numbers[program.inputs + i]);
      if (made.record == no_record || needed_values(program, given)[program.inputs + i] == 0) continue;
      const double before = cost_of(program, given);
      given[i] = 1;
      if (before - cost_of(program, given) < least_saved) {
        given[i] = 0;
      } else {
        read.push_back(kept(made));
      }
    }
    if (read.empty()) return;
    GraphRecord& record = graph_.records[r];
    record.inputs.insert(record.inputs.end(), read.rbegin(), read.rend());
    set_needed_program(record, reading(program, given));
  }

  Place place_of(Number expression) const { return expression < made_.size() ? made_[expression] : Place{}; }

  void note_what_is_made(std::size_t r) {
    const GraphRecord& record = graph_.records[r];
    const Program program = program_of(record);
    const Numbered values = numbered(record, program);
    for (std::size_t value = 0; value < values.numbers.size(); ++value) {
      const Number number = values.numbers[value];
      if (values.costly[value] == 0 || place_of(number).record != no_record) continue;
      if (number >= made_.size()) made_.resize(number + std::size_t{1});
      made_[number] = {r, value};
    }
    for (std::size_t k = 0; k < record.outputs.size(); ++k) {
      if (holds_result(record, k)) expressions_.name(record.outputs[k], values.numbers[program.outputs[k]]);
    }
  }

  /// Not so for truth values, which programs know as numbers.
  bool holds_result(const GraphRecord& record, std::size_t k) const {
    return graph_.values[record.outputs[k].value].dtype == record.compute;
  }

  /// The value that holds an expression: another result of the record that computes it, if it is none already.
  Use kept(const Place& place) {
    GraphRecord& record = graph_.records[place.record];
    Program program = program_of(record);
    for (std::size_t k = 0; k < program.outputs.size(); ++k) {
      if (program.outputs[k] == place.number && holds_result(record, k)) return record.outputs[k];
    }
    program.outputs.push_back(static_cast<std::uint16_t>(place.number));
    set_program(record, std::move(program));
    record.outputs.push_back(graph_.add_value(record.compute, record.outputs[0].shape));
    note_what_is_made(place.record);
    return record.outputs.back();
  }

  Graph graph_;
  Expressions expressions_;
  std::vector<Place> made_;  // by the number of the expression: where it is computed first
};

}  // namespace

Graph share_subexpressions(Graph graph) { return WorkSharing(std::move(graph)).take(); }

}  // namespace wengert::detail
