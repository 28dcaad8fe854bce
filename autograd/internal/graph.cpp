#include <wengert/autograd/internal/graph.h>

namespace wengert::detail {

Graph::Graph() = default;
Graph::Graph(const Graph& other) = default;
Graph::Graph(Graph&& other) noexcept = default;
Graph& Graph::operator=(Graph&& other) noexcept = default;
Graph::~Graph() = default;

}  // namespace wengert::detail
