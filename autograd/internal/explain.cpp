#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

#include <wengert/autograd/internal/explain.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/text.h>

namespace wengert::detail {
namespace {

using Row = std::vector<std::string>;

std::int64_t bytes_of(const GraphValue& value) {
  return value.source == Source::fleeting ? 0 : static_cast<std::int64_t>(value.bytes());
}

std::int64_t elements_of(const Graph& graph, std::span<const Use> uses) {
  return std::accumulate(uses.begin(), uses.end(), std::int64_t{0},
                         [&](std::int64_t sum, const Use& use) { return sum + graph.values[use.value].elements; });
}

std::int64_t bytes_of(const Graph& graph, std::span<const Use> uses) {
  return std::accumulate(uses.begin(), uses.end(), std::int64_t{0},
                         [&](std::int64_t sum, const Use& use) { return sum + bytes_of(graph.values[use.value]); });
}

std::int64_t primitives_of(const GraphRecord& record) {
  const auto& instructions = record.formula().instructions;
  return std::count_if(instructions.begin(), instructions.end(),
                       [](const auto& instruction) { return instruction.primitive != kernels::Primitive::constant; });
}

std::int64_t flop_of(const Graph& graph, const Operation& operation, const Attributes& attributes,
                     std::span<const Use> inputs, std::int64_t results) {
  if (operation.flop != nullptr) {
    std::vector<Shape> shapes;
    for (const Use& use : inputs) shapes.push_back(use.shape);
    return operation.flop(shapes, attributes) * results;
  }
  if (operation.category == Category::shape || operation.category == Category::indexing) return 0;
  return elements_of(graph, inputs);
}

std::int64_t flop_of(const Graph& graph, const GraphRecord& record) {
  const std::int64_t results = elements_of(graph, std::span(record.outputs).first(1));
  if (!record.is_pointwise()) return flop_of(graph, *record.operation, record.attributes, record.inputs, results);
  std::int64_t flop = primitives_of(record) * results;
  for (const Reduced& reduced : record.reductions) flop += reduced.array.elements();
  if (const auto& streamed = record.streamed) {
    const auto operands = std::span(record.inputs).last(streamed->operands);
    flop += flop_of(graph, *streamed->operation, streamed->attributes, operands, results);
  }
  if (const auto& taken = record.taken) {
    const std::int64_t given = elements_of(graph, std::span(record.outputs).last(1));
    flop += flop_of(graph, *taken->operation, taken->attributes, record.inputs_of_taken(), given);
  }
  return flop;
}

std::string name_of(const Graph& graph, std::uint32_t number) {
  constexpr std::array names{"input", "slot", "constant", "value", "fleeting"};
  const GraphValue& value = graph.values[number];
  const bool from_outside = value.source == Source::input || value.source == Source::slot;
  std::string name =
      fmt::format("{} {}", names[static_cast<std::size_t>(value.source)], from_outside ? value.place : number);
  if (value.part != nullptr) name.append(" in ").append(name_of(graph, root_of(graph, number).value));
  return name;
}

/// Columns as wide as their widest cell, numbers to the right; the last column is not filled up.
std::string aligned(const std::vector<Row>& rows, const std::vector<bool>& to_the_right) {
  std::vector<std::size_t> widths(to_the_right.size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      text += to_the_right[i] ? fmt::format("{:>{}}  ", row[i], widths[i]) : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += row.back() + '\n';
  }
  return text;
}

/// Whether a record is one of a run.
std::vector<bool> divided_by_rows(const Graph& graph) {
  std::vector<bool> is_divided(graph.records.size(), false);
  for (const RowRun& run : graph.row_runs)
    std::fill_n(is_divided.begin() + static_cast<std::ptrdiff_t>(run.first), run.count, true);
  return is_divided;
}

}  // namespace

std::string name_of(const GraphRecord& record) {
  if (record.fused == nullptr && record.is_alone()) return record.operation->name;
  std::vector<std::string> names;
  if (record.streamed) names.emplace_back(record.streamed->operation->name);
  if (record.fused == nullptr) names.emplace_back(record.operation->name);
  for (const Operation* part : record.parts) names.emplace_back(part->name);
  for (const Reduced& reduced : record.reductions) names.emplace_back(reduced.operation->name);
  if (record.taken) names.emplace_back(record.taken->operation->name);
  return fmt::format("{{{}}}", joined(names, " "));
}

std::string describe(const Graph& graph, std::span<const Use> uses) {
  constexpr std::size_t most = 48, first = 4;
  const std::size_t shown = uses.size() > most ? first : uses.size();
  std::string text;
  for (const Use& use : uses.first(shown)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(graph, use.value), to_string(use.shape));
  }
  return shown < uses.size() ? fmt::format("{} and {} more", text, uses.size() - shown) : text;
}

Counts counts_of(const Graph& graph, const GraphRecord& record) {
  return {flop_of(graph, record), bytes_of(graph, record.inputs) + bytes_of(graph, record.outputs)};
}

std::string to_table(const Graph& graph, const Timing& timing) {
  const std::vector<bool> is_divided = divided_by_rows(graph);
  const bool timed = timing.runs > 0;
  const double seconds = std::accumulate(timing.seconds.begin(), timing.seconds.end(), 0.0);
  std::vector<Row> rows{{"record", "operation", "result", "FLOP", "bytes"}};
  std::vector<bool> to_the_right{true, false, false, true, true};
  if (timed) {
    rows[0].insert(rows[0].end(), {"us", "share"});
    to_the_right.insert(to_the_right.end(), {true, true});
  }
  rows[0].emplace_back("operands");
  to_the_right.push_back(false);
  Counts total;
  std::int64_t results = 0;
  for (std::size_t i = 0; i < graph.records.size(); ++i) {
    const GraphRecord& record = graph.records[i];
    const Counts counts = counts_of(graph, record);
    total.flop += counts.flop;
    total.bytes += counts.bytes;
    results += bytes_of(graph, record.outputs);
    Row row{fmt::format("{}{}", is_divided[i] ? "| " : "", i), name_of(record), describe(graph, record.outputs),
            fmt::to_string(counts.flop), fmt::to_string(counts.bytes)};
    if (timed) {
      row.push_back(fmt::format("{:.2f}", 1e6 * timing.seconds[i] / static_cast<double>(timing.runs)));
      row.push_back(fmt::format("{:.1f} %", seconds > 0 ? 100 * timing.seconds[i] / seconds : 0));
    }
    row.push_back(describe(graph, record.inputs));
    rows.push_back(std::move(row));
  }
  std::string text = aligned(rows, to_the_right);
  text += fmt::format("{} records, {} bytes of results, {} slots read or assigned; {} FLOP, {} bytes moved\n",
                      graph.records.size(), results, graph.slots.size(), total.flop, total.bytes);
  if (!graph.row_runs.empty()) text += "| rows of these are divided among the threads, of all of them at once\n";
  if (timed) {
    text += fmt::format("{} runs of {:.2f} us in the records\n", timing.runs,
                        1e6 * seconds / static_cast<double>(timing.runs));
  }
  return text;
}

std::string graphviz_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string to_graphviz(const Graph& graph, const std::string& prefix) {
  std::string text;
  std::vector<std::string> nodes(graph.values.size());  // by value: what it comes from
  const auto leaf = [&](std::uint32_t value) {
    if (!nodes[value].empty()) return;
    nodes[value] = fmt::format("{}v{}", prefix, value);
    text += fmt::format("{} [label={}, shape={}];\n", nodes[value], graphviz_string(name_of(graph, value)),
                        graph.values[value].source == Source::constant ? "plaintext" : "ellipse");
  };
  const auto edge = [&](const Use& use, const std::string& to) {
    const std::uint32_t from = nodes[use.value].empty() ? root_of(graph, use.value).value : use.value;
    leaf(from);
    text += fmt::format("{} -> {} [label={}];\n", nodes[from], to, graphviz_string(to_string(use.shape)));
  };
  for (std::size_t i = 0; i < graph.records.size(); ++i) {
    const GraphRecord& record = graph.records[i];
    const std::string node = fmt::format("{}r{}", prefix, i);
    text +=
        fmt::format("{} [label={}, shape=box];\n", node, graphviz_string(fmt::format("{}: {}", i, name_of(record))));
    for (const Use& use : record.inputs) edge(use, node);
    for (const Use& use : record.outputs) nodes[use.value] = node;
  }
  const auto sink = [&](const std::string& node, const std::string& label) {
    text += fmt::format("{} [label={}, shape=ellipse, style=bold];\n", node, graphviz_string(label));
  };
  for (std::size_t i = 0; i < graph.results.size(); ++i) {
    const std::string node = fmt::format("{}result{}", prefix, i);
    sink(node, fmt::format("result {}", i));
    edge(graph.results[i], node);
  }
  for (const Assignment& assignment : graph.assignments) {
    const std::string node = fmt::format("{}slot{}", prefix, assignment.slot);
    sink(node, fmt::format("slot {} assigned", assignment.slot));
    edge({assignment.value, graph.slots[assignment.slot].state->value.shape()}, node);
  }
  return text;
}

}  // namespace wengert::detail
