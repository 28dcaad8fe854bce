#pragma once

#include <span>
#include <string>

#include <wengert/autograd/internal/graph.h>
#include <wengert/autograd/internal/replay.h>

/// Graphs as text.

namespace wengert::detail {

/// What a record takes, as the method counts and not the machine: operations on numbers (2mnk for a product, one for
/// each primitive and element of a pointwise program, one for each element that is otherwise read to compute), and
/// bytes of its operands and results.
struct Counts {
  std::int64_t flop = 0, bytes = 0;
};
Counts counts_of(const Graph& graph, const GraphRecord& record);

/// The operation's name; of a fused record, those of its parts.
std::string name_of(const GraphRecord& record);
/// Where values come from, and the shapes they are seen in: "input 0 [3], value 7 []".
std::string describe(const Graph& graph, std::span<const Use> uses);

/// As an aligned table: a line for each record, and one that sums up. With times where there were runs.
std::string to_table(const Graph& graph, const Timing& timing = {});

/// As the body of a Graphviz graph, whose nodes' names begin with `prefix`.
std::string to_graphviz(const Graph& graph, const std::string& prefix);
/// A text between quotation marks, for Graphviz.
std::string graphviz_string(const std::string& text);

}  // namespace wengert::detail
