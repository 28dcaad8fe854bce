#include <wengert/autograd/internal/graph.h>
#include <wengert/autograd/internal/pointwise_rule.h>

namespace wengert::detail {

kernels::PointwiseRows layout_of(const Shape& shape, const View& view) {
  std::int64_t run = 1;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    if (shape[axis] == 1) continue;
    if (view.strides[axis] != run) return {run, view.strides[axis]};
    run *= shape[axis];
  }
  return {};
}

Ints strides_of(const Graph& graph, const Use& use, const Shape& result) {
  const GraphValue& value = graph.values[use.value];
  return value.is_in_order() ? broadcast_strides(use.shape, result)
                             : broadcast_strides(use.shape, value.part->view.strides, result);
}

std::optional<kernels::PointwiseWindow> window_of(const Graph& graph, const Use& use, const Shape& result) {
  const GraphValue& value = graph.values[use.value];
  if (value.is_in_order() || value.part->view.low.empty()) return std::nullopt;
  const View& view = value.part->view;
  kernels::PointwiseWindow window{{}, {result.begin(), result.end()}, view.outside};
  window.low.resize(result.rank());
  for (std::size_t axis = 0, more = result.rank() - use.shape.rank(); axis < use.shape.rank(); ++axis) {
    if (use.shape[axis] == 1) continue;
    window.low[axis + more] = view.low[axis];
    window.high[axis + more] = view.high[axis];
  }
  return window;
}

std::vector<Use> GraphRecord::inputs_of_taken() const {
  const auto others = std::span(inputs).last(taken->operands);
  std::vector<Use> all(others.begin(), others.end());
  all.push_back(taken->use);
  return all;
}

std::int64_t GraphRecord::piece() const {
  return reductions.empty() ? 1 : kernels::PiecewiseReduction::piece_elements(reductions[0].array);
}

const kernels::Program& GraphRecord::formula() const {
  return fused != nullptr ? *fused : operation->pointwise->program();
}

Use Graph::add_value(DType dtype, const Shape& shape) {
  values.push_back({.dtype = dtype, .elements = shape.elements()});
  return {static_cast<std::uint32_t>(values.size() - 1), shape};
}

Graph::Graph() = default;
Graph::Graph(const Graph& other) = default;
Graph::Graph(Graph&& other) noexcept = default;
Graph& Graph::operator=(Graph&& other) noexcept = default;
Graph::~Graph() = default;

}  // namespace wengert::detail
