#include <algorithm>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include <wengert/autograd/internal/explain.h>
#include <wengert/autograd/internal/passes.h>

namespace wengert::detail {
namespace {

bool same_elements(const GraphValue& a, const GraphValue& b) {
  if (a.source != b.source || a.dtype != b.dtype || a.elements != b.elements || a.place != b.place) return false;
  if (a.source != Source::constant) return true;
  const std::size_t bytes = a.bytes();
  return bytes == 0 || std::memcmp(Access::elements(a.constant), Access::elements(b.constant), bytes) == 0;
}

/// A constant of a graph and what stands in its place in another; a number is shown.
std::string change_of(std::uint32_t value, const Graph& a, const Graph& b) {
  const auto shown = [value](const Graph& graph) {
    const GraphValue& constant = graph.values[value];
    if (constant.source != Source::constant || constant.elements != 1) return std::string("another");
    return dispatch(constant.dtype, [&](auto type) {
      using T = decltype(type);
      return fmt::format("{}", *static_cast<const T*>(Access::elements(constant.constant)));
    });
  };
  return fmt::format("constant {} was {}, and now is {}", value, shown(a), shown(b));
}

}  // namespace

bool same_graph(const Graph& a, const Graph& b, std::string& difference) {
  const auto differ = [&](std::string text) {
    difference = std::move(text);
    return false;
  };
  for (std::size_t i = 0; i < std::min(a.records.size(), b.records.size()); ++i) {
    const GraphRecord &x = a.records[i], &y = b.records[i];
    const auto here = [&](const GraphRecord& record, const Graph& graph) {
      const std::string attributes = to_string(record.attributes);
      return fmt::format("{}({}){}{}", name_of(record), describe(graph, record.inputs), attributes.empty() ? "" : " ",
                         attributes);
    };
    if (key_of(x) != key_of(y))
      return differ(fmt::format("record {} was {}, and now is {}", i, here(x, a), here(y, b)));
    for (std::size_t k = 0; k < x.inputs.size(); ++k) {
      const std::uint32_t value = x.inputs[k].value;
      if (same_elements(a.values[value], b.values[y.inputs[k].value])) continue;
      return differ(fmt::format("record {}, {}: {}", i, here(x, a), change_of(value, a, b)));
    }
  }
  if (a.records.size() != b.records.size()) {
    return differ(fmt::format("{} records before, and now {}", a.records.size(), b.records.size()));
  }
  if (a.slots != b.slots) return differ("other parameters or slots are read or assigned");
  if (a.assignments != b.assignments) return differ("other parameters or slots are assigned, or by other values");
  if (a.flags != b.flags) return differ("other flags are read or set, or otherwise");
  if (a.results != b.results) return differ("the results are others");
  const auto is_same = [&](std::uint32_t value) { return same_elements(a.values[value], b.values[value]); };
  for (const Assignment& assignment : a.assignments) {
    if (!is_same(assignment.value)) return differ("a constant that is assigned is another");
  }
  for (const Use& use : a.results) {
    if (!is_same(use.value)) return differ("a constant result is another");
  }
  return true;
}

}  // namespace wengert::detail
