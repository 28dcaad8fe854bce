#include <algorithm>
#include <bit>
#include <map>
#include <optional>

#include <wengert/autograd/internal/numbering.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/tracer.h>

namespace wengert::detail {
namespace {

using kernels::Instruction;
using kernels::Primitive;
using kernels::Program;

// Beyond these a group gains nothing: its arrays, if each result were one, would no longer fit the first-level cache
// together.
constexpr std::size_t most_arrays = 48;
constexpr std::size_t most_instructions = 2000;
constexpr std::size_t most_readers = 32;  // of a value, that are looked at for a place to join

/// Records that are run as one. Their place in the order is that of the node.
struct Node {
  std::vector<std::size_t> records;
  std::size_t instructions = 0;
  std::size_t arrays = 0;  // operands from outside and results: more than the arrays the group will have
};

bool is_truth(Primitive primitive) {
  switch (primitive) {
    case Primitive::less:
    case Primitive::less_equal:
    case Primitive::equal:
    case Primitive::logical_not:
    case Primitive::logical_and:
    case Primitive::logical_or:
    case Primitive::is_finite:
    case Primitive::is_nan: return true;
    default: return false;
  }
}

/// A single floating constant is a literal of the program: every f32 and f64 is a double.
std::optional<double> literal(const Graph& graph, std::uint32_t value) {
  const GraphValue& constant = graph.values[value];
  if (constant.source != Source::constant || constant.elements != 1 || !is_floating(constant.dtype))
    return std::nullopt;
  return constant.constant.item<double>();
}

/// Writes the programs of records one behind the other.
class Joiner {
 public:
  Joiner(const Graph& graph, std::span<const GraphRecord* const> records, const std::vector<bool>& leaves)
      : graph_(graph) {
    for (const GraphRecord* record : records) {
      for (const Use& use : record->outputs) inside_.emplace(use.value, 0);
      for (const Use& use : record->inputs) add_input(use);
    }
    program_.inputs = static_cast<std::uint16_t>(joined_.inputs.size());
    for (const GraphRecord* record : records) append(*record);
    for (const GraphRecord* record : records) {
      for (const Use& use : record->outputs) {
        if (!leaves[use.value]) continue;
        program_.outputs.push_back(inside_.at(use.value));
        joined_.outputs.push_back(use);
      }
    }
    joined_.compute = records.front()->compute;
    joined_.fused = std::make_shared<const Program>(without_dead_code(program_));
  }

  GraphRecord take() { return std::move(joined_); }

 private:
  void add_input(const Use& use) {
    if (inside_.contains(use.value) || literal(graph_, use.value)) return;
    if (std::find(joined_.inputs.begin(), joined_.inputs.end(), use) == joined_.inputs.end())
      joined_.inputs.push_back(use);
  }

  std::uint16_t place_of(const Use& use) {
    const auto found = inside_.find(use.value);
    if (found != inside_.end()) return found->second;
    if (const std::optional<double> number = literal(graph_, use.value)) return constant(*number);
    return static_cast<std::uint16_t>(std::find(joined_.inputs.begin(), joined_.inputs.end(), use) -
                                      joined_.inputs.begin());
  }

  /// Equal instructions are done once.
  std::uint16_t emit(const Instruction& instruction) {
    const auto& [primitive, a, b, c, value] = instruction;
    const std::uint32_t number =
        number_of_({static_cast<std::uint64_t>(primitive), a, b, c, std::bit_cast<std::uint64_t>(value)});
    if (number == program_.instructions.size()) program_.instructions.push_back(instruction);
    return static_cast<std::uint16_t>(program_.inputs + number);
  }

  bool is_one(std::uint16_t place) const {
    if (place < program_.inputs) return false;
    const Instruction& made_by = program_.instructions[static_cast<std::size_t>(place - program_.inputs)];
    return made_by.primitive == Primitive::constant && made_by.value == 1.0;
  }

  /// Where an instruction's result stands; a product with 1 is the other factor, to the bit, where subnormals are kept.
  std::uint16_t place_after(const Instruction& instruction) {
    if (instruction.primitive == Primitive::mul && !graph_.without_subnormals) {
      if (is_one(instruction.a)) return instruction.b;
      if (is_one(instruction.b)) return instruction.a;
    }
    return emit(instruction);
  }

  std::uint16_t constant(double value) { return emit({.primitive = Primitive::constant, .value = value}); }

  void append(const GraphRecord& record) {
    const Program program = program_of(record);
    std::vector<std::uint16_t> place;
    for (const Use& use : record.inputs) place.push_back(place_of(use));
    for (Instruction instruction : program.instructions) {
      kernels::for_operands(instruction, [&](std::uint16_t& operand) { operand = place[operand]; });
      place.push_back(place_after(instruction));
    }
    for (std::size_t k = 0; k < record.outputs.size(); ++k) {
      const std::uint32_t value = record.outputs[k].value;
      inside_[value] = as_stored(place[program.outputs[k]], graph_.values[value].dtype);
    }
    if (record.operation != nullptr) joined_.parts.push_back(record.operation);
    joined_.parts.insert(joined_.parts.end(), record.parts.begin(), record.parts.end());
  }

  /// In memory a truth value is 0 or 1, whatever number it was told by.
  std::uint16_t as_stored(std::uint16_t place, DType dtype) {
    if (dtype != DType::boolean) return place;
    if (place >= program_.inputs &&
        is_truth(program_.instructions[static_cast<std::size_t>(place - program_.inputs)].primitive)) {
      return place;
    }
    return emit({.primitive = Primitive::logical_not, .a = emit({.primitive = Primitive::logical_not, .a = place})});
  }

  const Graph& graph_;
  Program program_;
  GraphRecord joined_;
  std::map<std::uint32_t, std::uint16_t> inside_;  // values of the group: where they stand
  Numbering number_of_;                            // of its instructions
};

/// Puts records into nodes, one after the other, each into one that is there already where that is right.
class Grouping {
 public:
  explicit Grouping(const Graph& graph)
      : graph_(graph),
        made_by_(graph.values.size(), no_record),
        last_reader_(graph.values.size(), no_record),
        readers_(graph.values.size()) {
    for (std::size_t r = 0; r < graph.records.size(); ++r) place(r);
  }

  const std::vector<Node>& nodes() const { return nodes_; }
  std::size_t maker(std::uint32_t value) const { return made_by_[value]; }

 private:
  bool can_join(const GraphRecord& record) const {
    return is_formula(record) && std::all_of(record.outputs.begin(), record.outputs.end(), [&](const Use& use) {
             const DType dtype = graph_.values[use.value].dtype;
             return dtype == record.compute || dtype == DType::boolean;
           });
  }

  /// Whether the record may become part of the node, but for its place in the order.
  bool fits(const GraphRecord& record, std::size_t n) const {
    const Node& node = nodes_[n];
    if (node.records.empty()) return false;
    const GraphRecord& other = graph_.records[node.records.front()];
    if (!can_join(other) || other.compute != record.compute || other.outputs[0].shape != record.outputs[0].shape)
      return false;
    if (node.arrays + record.inputs.size() + record.outputs.size() > most_arrays) return false;
    return node.instructions + record.formula().instructions.size() <= most_instructions;
  }

  /// Values of the node are read by no later node: it may be moved to the end.
  bool is_last_reader_of_itself(std::size_t n) const {
    for (const std::size_t r : nodes_[n].records) {
      for (const Use& use : graph_.records[r].outputs) {
        if (last_reader_[use.value] != no_record && last_reader_[use.value] != n) return false;
      }
    }
    return true;
  }

  bool reads_single_elements(const GraphRecord& record) const {
    return std::all_of(record.inputs.begin(), record.inputs.end(),
                       [&](const Use& use) { return graph_.values[use.value].elements == 1; });
  }

  void place(std::size_t r) {
    const GraphRecord& record = graph_.records[r];
    if (!can_join(record)) {
      const std::size_t n = append_node();
      if (record.operation->guards) earliest_ = n;
      return add(r, n);
    }
    std::size_t ready = no_record;  // the last node that makes an operand
    for (const Use& use : record.inputs) {
      const std::size_t maker = made_by_[use.value];
      if (maker != no_record && (ready == no_record || maker > ready)) ready = maker;
    }
    // Joining a node that comes no earlier than every operand is made (one that reads single elements costs no memory
    // anywhere: the last node of its shape) …
    std::size_t best = no_record;
    const auto consider = [&](std::size_t n) {
      if (n == no_record || n < earliest_ || (ready != no_record && n < ready) || (best != no_record && n <= best))
        return;
      if (fits(record, n)) best = n;
    };
    for (const Use& use : record.inputs) {
      consider(made_by_[use.value]);
      if (graph_.values[use.value].source == Source::constant) continue;
      // The later ones first; what everything reads (a learning rate) must not cost the square of the records.
      const auto& readers = readers_[use.value];
      const std::size_t tried = std::min(readers.size(), most_readers);
      std::for_each(readers.rbegin(), readers.rbegin() + static_cast<std::ptrdiff_t>(tried), consider);
    }
    if (best == no_record && reads_single_elements(record)) {
      const std::size_t first = nodes_.size() - std::min(nodes_.size(), most_readers);
      for (std::size_t n = nodes_.size(); n-- > first && best == no_record;) consider(n);
    }
    if (best != no_record) {
      add(r, best);
      return take_in_operands(record, best);
    }
    // … or moving the node of an operand to the end, where nothing in between reads it.
    for (const Use& use : record.inputs) {
      const std::size_t n = made_by_[use.value];
      if (n == no_record || !fits(record, n) || !is_last_reader_of_itself(n)) continue;
      return add(r, move_to_end(n));
    }
    add(r, append_node());
  }

  /// The nodes of a record's operands, where no other node reads what they make.
  void take_in_operands(const GraphRecord& record, std::size_t n) {
    for (const Use& use : record.inputs) {
      const std::size_t m = made_by_[use.value];
      if (m == no_record || m == n || !can_take_in(m, n)) continue;
      const Node taken = std::exchange(nodes_[m], {});
      const Node before = std::exchange(nodes_[n], {});
      for (const std::size_t r : taken.records) add(r, n);
      for (const std::size_t r : before.records) add(r, n);
    }
  }

  bool can_take_in(std::size_t m, std::size_t n) const {
    const auto& records = nodes_[m].records;
    if (records.empty() || !can_join(graph_.records[records.front()])) return false;
    if (nodes_[m].arrays + nodes_[n].arrays > most_arrays) return false;
    if (nodes_[m].instructions + nodes_[n].instructions > most_instructions) return false;
    const auto is_read_within = [&](const Use& made) {
      const auto& readers = readers_[made.value];
      return std::all_of(readers.begin(), readers.end(),
                         [&](std::size_t k) { return k == m || k == n || nodes_[k].records.empty(); });
    };
    return fits(graph_.records[records.front()], n) && std::all_of(records.begin(), records.end(), [&](std::size_t r) {
             const auto& outputs = graph_.records[r].outputs;
             return std::all_of(outputs.begin(), outputs.end(), is_read_within);
           });
  }

  std::size_t append_node() {
    nodes_.emplace_back();
    return nodes_.size() - 1;
  }

  std::size_t move_to_end(std::size_t n) {
    const Node node = std::exchange(nodes_[n], {});
    const std::size_t end = append_node();
    for (const std::size_t r : node.records) add(r, end);
    return end;
  }

  void add(std::size_t r, std::size_t n) {
    const GraphRecord& record = graph_.records[r];
    Node& node = nodes_[n];
    node.records.push_back(r);
    node.arrays += record.outputs.size();
    if (record.is_pointwise()) node.instructions += record.formula().instructions.size();
    for (const Use& use : record.inputs) {
      std::size_t& last = last_reader_[use.value];
      last = last == no_record ? n : std::max(last, n);
      if (!readers_[use.value].empty() && readers_[use.value].back() == n) continue;
      readers_[use.value].push_back(n);
      if (made_by_[use.value] != n) ++node.arrays;
    }
    for (const Use& use : record.outputs) made_by_[use.value] = n;
  }

  const Graph& graph_;
  std::vector<Node> nodes_;
  std::size_t earliest_ = 0;  // that a record may join: what guards it comes before it
  std::vector<std::size_t> made_by_, last_reader_;
  std::vector<std::vector<std::size_t>> readers_;
};

/// Which values are read outside the node that makes them.
std::vector<bool> leaving_values(const Graph& graph, const Grouping& grouping) {
  std::vector<bool> leaves = find_passed_on(graph);
  for (std::size_t n = 0; n < grouping.nodes().size(); ++n) {
    for (const std::size_t r : grouping.nodes()[n].records) {
      for (const Use& use : graph.records[r].inputs) {
        if (grouping.maker(use.value) != n) leaves[use.value] = true;
      }
    }
  }
  return leaves;
}

GraphRecord joined(const Graph& graph, const Node& node, const std::vector<bool>& leaves) {
  std::vector<const GraphRecord*> records;
  for (const std::size_t r : node.records) records.push_back(&graph.records[r]);
  return join(graph, records, leaves);
}

}  // namespace

GraphRecord join(const Graph& graph, std::span<const GraphRecord* const> records, const std::vector<bool>& leaves) {
  return Joiner(graph, records, leaves).take();
}

Graph fuse_pointwise(Graph graph) {
  const Grouping grouping(graph);
  const std::vector<bool> leaves = leaving_values(graph, grouping);
  std::vector<GraphRecord> records;
  records.reserve(grouping.nodes().size());
  for (const Node& node : grouping.nodes()) {
    if (node.records.empty()) continue;
    if (node.records.size() == 1) {
      records.push_back(std::move(graph.records[node.records[0]]));
    } else {
      records.push_back(joined(graph, node, leaves));
    }
  }
  graph.records = std::move(records);
  return graph;
}

}  // namespace wengert::detail
