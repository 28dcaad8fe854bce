#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/tracer.h>
#include <wengert/autograd/kernels/pointwise_plan.h>

namespace wengert::detail {
namespace {

using kernels::Instruction;
using kernels::Primitive;
using kernels::Program;

// What is kept is to be in the second-level cache still when it is read; and a record of few elements costs the same
// with or without it.
constexpr std::size_t most_bytes = 512 * 1024;
constexpr std::int64_t fewest_elements = 256;
// What must be saved of an element, in the units of kernels::cost_of: more than an array costs to write and to read.
constexpr double least_saved = 50;

/// Expressions over a graph's values; of one number are those that give the same bits.
class Expressions {
 public:
  using Number = std::uint32_t;

  /// A value, stretched to a shape.
  Number leaf(const Use& use, const Shape& shape) { return number_of(leaf_words(use, shape)); }
  Number instruction(const Instruction& of, DType compute, std::span<const Number> operands) {
    Words words{static_cast<Word>(of.primitive) << 8 | static_cast<Word>(compute), std::bit_cast<Word>(of.value)};
    words.insert(words.end(), operands.begin(), operands.end());
    return number_of(std::move(words));
  }
  /// From now on the value is known to be that expression.
  void name(const Use& use, Number expression) { numbers_[leaf_words(use, use.shape)] = expression; }

 private:
  using Word = std::uint64_t;
  using Words = std::vector<Word>;

  static Words leaf_words(const Use& use, const Shape& shape) {
    Words words{std::numeric_limits<Word>::max(), use.value, use.shape.rank()};
    words.insert(words.end(), use.shape.begin(), use.shape.end());
    words.insert(words.end(), shape.begin(), shape.end());
    return words;
  }
  Number number_of(Words words) {
    return numbers_.emplace(std::move(words), static_cast<Number>(numbers_.size())).first->second;
  }

  std::map<Words, Number> numbers_;
};

/// A program some of whose instructions are to be read instead.
class Reading {
 public:
  explicit Reading(Program program) : program_(std::move(program)), given_(program_.instructions.size()) {}

  const Program& program() const { return program_; }
  bool computes(std::size_t i) const { return find_alive()[program_.inputs + i] && !given_[i]; }
  /// What is saved of an element where instruction `i` is read as well.
  double saved_by(std::size_t i) {
    const double before = cost();
    given_[i] = true;
    const double after = cost();
    given_[i] = false;
    return before - after;
  }
  void give(std::size_t i) { given_[i] = true; }

  /// The program that is left: what it reads comes behind the inputs, in order.
  Program take() const {
    Program rest;
    rest.inputs = static_cast<std::uint16_t>(program_.inputs + std::count(given_.begin(), given_.end(), true));
    std::vector<std::uint16_t> place;
    for (std::uint16_t i = 0; i < program_.inputs; ++i) place.push_back(i);
    std::uint16_t next = program_.inputs;
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (given_[i]) {
        place.push_back(next++);
        continue;
      }
      Instruction instruction = program_.instructions[i];
      kernels::for_operands(instruction, [&](std::uint16_t& operand) { operand = place[operand]; });
      place.push_back(static_cast<std::uint16_t>(rest.inputs + rest.instructions.size()));
      rest.instructions.push_back(instruction);
    }
    for (const std::uint16_t output : program_.outputs) rest.outputs.push_back(place[output]);
    return without_dead_code(rest);
  }

 private:
  std::vector<bool> find_alive() const {
    std::vector<bool> alive(program_.inputs + given_.size(), false);
    for (const std::uint16_t output : program_.outputs) alive[output] = true;
    for (std::size_t i = given_.size(); i-- > 0;) {
      if (!alive[program_.inputs + i] || given_[i]) continue;
      kernels::for_operands(program_.instructions[i], [&](std::uint16_t operand) { alive[operand] = true; });
    }
    return alive;
  }

  double cost() const {
    const std::vector<bool> alive = find_alive();
    double sum = 0;
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (alive[program_.inputs + i] && !given_[i]) sum += kernels::cost_of(program_.instructions[i].primitive);
    }
    return sum;
  }

  Program program_;
  std::vector<bool> given_;
};

class Sharing {
 public:
  explicit Sharing(Graph graph) : graph_(std::move(graph)) {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      if (!takes_part(graph_.records[r])) continue;
      read_what_is_made(r);
      note_what_is_made(r);
    }
  }
  Graph take() { return std::move(graph_); }

 private:
  using Number = Expressions::Number;

  /// Where an expression is computed first.
  struct Place {
    std::size_t record = 0;
    std::uint16_t value = 0;
  };

  bool takes_part(const GraphRecord& record) const {
    if (!record.is_pointwise() || !is_floating(record.compute)) return false;
    const std::int64_t elements = record.outputs[0].shape.elements();
    if (elements < fewest_elements || static_cast<std::size_t>(elements) * size_of(record.compute) > most_bytes)
      return false;
    if (record.fused != nullptr) return is_costly(*record.fused);
    return !record.operation->pointwise->kernel().is_native() && is_costly(record.operation->pointwise->program());
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
    std::vector<bool> costly;
  };
  Numbered numbered(const GraphRecord& record, const Program& program) {
    Numbered values;
    for (const Use& use : record.inputs) {
      values.numbers.push_back(expressions_.leaf(use, record.outputs[0].shape));
      values.costly.push_back(false);
    }
    for (const Instruction& instruction : program.instructions) {
      std::vector<Number> operands;
      bool is_costly = is_elementary(instruction);
      kernels::for_operands(instruction, [&](std::uint16_t operand) {
        operands.push_back(values.numbers[operand]);
        is_costly |= values.costly[operand];
      });
      values.numbers.push_back(expressions_.instruction(instruction, record.compute, operands));
      values.costly.push_back(is_costly);
    }
    return values;
  }

  /// From the last instruction on: an expression may be all that others are for.
  void read_what_is_made(std::size_t r) {
    Reading reading(program_of(graph_.records[r]));
    const std::size_t inputs = reading.program().inputs;
    const Numbered values = numbered(graph_.records[r], reading.program());
    std::map<std::size_t, Use> read;
    for (std::size_t i = reading.program().instructions.size(); i-- > 0;) {
      if (!values.costly[inputs + i]) continue;
      const auto made = made_.find(values.numbers[inputs + i]);
      if (made == made_.end() || !reading.computes(i) || reading.saved_by(i) < least_saved) continue;
      reading.give(i);
      read.emplace(i, kept(made->second));
    }
    if (read.empty()) return;
    GraphRecord& record = graph_.records[r];
    for (const auto& [i, use] : read) record.inputs.push_back(use);
    auto [program, used] = only_used_inputs(reading.take());
    std::vector<Use> uses;
    for (const std::uint16_t input : used) uses.push_back(record.inputs[input]);
    record.inputs = std::move(uses);
    set_program(record, std::move(program));
  }

  void note_what_is_made(std::size_t r) {
    const GraphRecord& record = graph_.records[r];
    const Program program = program_of(record);
    const Numbered values = numbered(record, program);
    for (std::size_t value = 0; value < values.numbers.size(); ++value) {
      if (values.costly[value]) made_.emplace(values.numbers[value], Place{r, static_cast<std::uint16_t>(value)});
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
      if (program.outputs[k] == place.value && holds_result(record, k)) return record.outputs[k];
    }
    program.outputs.push_back(place.value);
    set_program(record, std::move(program));
    const Shape shape = record.outputs[0].shape;
    const auto value = static_cast<std::uint32_t>(graph_.values.size());
    graph_.values.push_back({.dtype = record.compute, .elements = shape.elements()});
    record.outputs.push_back({value, shape});
    note_what_is_made(place.record);
    return record.outputs.back();
  }

  static void set_program(GraphRecord& record, Program program) {
    record.fused = std::make_shared<const Program>(std::move(program));
    if (record.operation == nullptr) return;
    record.parts = {std::exchange(record.operation, nullptr)};
    record.attributes = {};
  }

  Graph graph_;
  Expressions expressions_;
  std::map<Number, Place> made_;
};

}  // namespace

Graph share_subexpressions(Graph graph) { return Sharing(std::move(graph)).take(); }

}  // namespace wengert::detail
