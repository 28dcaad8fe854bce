#include <limits>
#include <utility>

#include <wengert/autograd/internal/passes.h>

namespace wengert::detail {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

class Summing {
 public:
  explicit Summing(Graph graph)
      : graph_(std::move(graph)),
        reads_(count_reads(graph_)),
        made_by_(graph_.values.size(), none),
        read_by_(graph_.values.size(), none),
        is_left_out_(graph_.records.size(), false),
        sums_(graph_.records.size()) {}

  Graph run() {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      for (const Use& use : graph_.records[r].inputs) read_by_[use.value] = r;
      for (const Use& use : graph_.records[r].outputs) made_by_[use.value] = r;
    }
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      if (is_cut(r)) look_at(r);
    }
    place_sums();
    return std::move(graph_);
  }

 private:
  /// Along the first axis parts are memory like any other, and better added where they are read.
  bool is_cut(std::size_t r) const {
    const GraphRecord& record = graph_.records[r];
    return !is_left_out_[r] && record.operation->divides && cut_axis(record) != 0;
  }

  /// With what is cut by `r` on the left of additions, part by part.
  void look_at(std::size_t r) {
    const std::size_t first = addition_of(graph_.records[r], 0, 0);
    if (first == none) return;
    const std::size_t other = made_by_[graph_.records[first].inputs[1].value];
    if (other == none || other == r || !is_cut(other)) return;
    const GraphRecord &left = graph_.records[r], &right = graph_.records[other];
    if (left.operation != right.operation || to_string(left.attributes) != to_string(right.attributes) ||
        left.inputs[0].shape != right.inputs[0].shape)
      return;
    std::vector<std::size_t> additions;
    for (std::size_t i = 0; i < left.outputs.size(); ++i) {
      additions.push_back(addition_of(left, i, 0));
      if (additions.back() == none || additions.back() != addition_of(right, i, 1)) return;
    }
    add_first(r, other, additions);
  }

  /// The addition that alone reads a part, on its left or right; none if there is no such.
  std::size_t addition_of(const GraphRecord& cut, std::size_t part, std::size_t side) const {
    const Use& use = cut.outputs[part];
    const std::size_t reader = read_by_[use.value];
    if (reads_[use.value] != 1 || reader == none || !is_addition(graph_, graph_.records[reader])) return none;
    return graph_.records[reader].inputs[side] == use ? reader : none;
  }

  void add_first(std::size_t left, std::size_t right, const std::vector<std::size_t>& additions) {
    const std::size_t later = std::max(left, right);
    GraphRecord sum = graph_.records[additions[0]];
    sum.inputs = {graph_.records[left].inputs[0], graph_.records[right].inputs[0]};
    const Use& whole = sum.inputs[0];
    sum.outputs[0] = {static_cast<std::uint32_t>(graph_.values.size()), whole.shape};
    graph_.values.push_back({Source::computed, graph_.values[whole.value].dtype, whole.shape.elements()});
    GraphRecord& cut = graph_.records[later];
    cut.inputs[0] = sum.outputs[0];
    for (std::size_t i = 0; i < additions.size(); ++i) {
      cut.outputs[i] = graph_.records[additions[i]].outputs[0];
      made_by_[cut.outputs[i].value] = later;
      is_left_out_[additions[i]] = true;
    }
    is_left_out_[std::min(left, right)] = true;
    sums_[later].push_back(std::move(sum));
  }

  /// Each sum right before it is cut.
  void place_sums() {
    std::vector<GraphRecord> records;
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      for (GraphRecord& sum : sums_[r]) records.push_back(std::move(sum));
      if (!is_left_out_[r]) records.push_back(std::move(graph_.records[r]));
    }
    graph_.records = std::move(records);
  }

  Graph graph_;
  std::vector<std::uint32_t> reads_;
  std::vector<std::size_t> made_by_, read_by_;
  std::vector<bool> is_left_out_;
  std::vector<std::vector<GraphRecord>> sums_;  // before a record
};

}  // namespace

Graph cut_sums(Graph graph) { return Summing(std::move(graph)).run(); }

}  // namespace wengert::detail
