#include <algorithm>
#include <utility>

#include <wengert/autograd/internal/passes.h>

namespace wengert::detail {
namespace {

class Summing {
 public:
  explicit Summing(Graph graph)
      : graph_(std::move(graph)),
        reads_(count_reads(graph_)),
        made_by_(find_makers(graph_)),
        read_by_(graph_.values.size(), no_record),
        is_left_out_(graph_.records.size(), false) {}

  Graph run() {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      for (const Use& use : graph_.records[r].inputs) read_by_[use.value] = r;
    }
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      if (is_cut(r)) look_at(r);
    }
    leave_out(graph_, is_left_out_);
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
    if (first == no_record) return;
    const std::size_t other = made_by_[graph_.records[first].inputs[1].value];
    if (other == no_record || other == r || !is_cut(other)) return;
    const GraphRecord &left = graph_.records[r], &right = graph_.records[other];
    if (left.operation != right.operation || !same_attributes(left.attributes, right.attributes) ||
        left.inputs[0].shape != right.inputs[0].shape)
      return;
    std::vector<std::size_t> additions;
    for (std::size_t i = 0; i < left.outputs.size(); ++i) {
      additions.push_back(addition_of(left, i, 0));
      if (additions.back() == no_record || additions.back() != addition_of(right, i, 1)) return;
    }
    add_first(r, other, additions);
  }

  /// The addition that alone reads a part, on its left or right; no_record if there is no such.
  std::size_t addition_of(const GraphRecord& cut, std::size_t part, std::size_t side) const {
    const Use& use = cut.outputs[part];
    const std::size_t reader = read_by_[use.value];
    if (reads_[use.value] != 1 || reader == no_record || !is_addition(graph_, graph_.records[reader])) return no_record;
    return graph_.records[reader].inputs[side] == use ? reader : no_record;
  }

  /// The sum takes the place of the later record that cuts, and is cut in the place of the first addition.
  void add_first(std::size_t left, std::size_t right, const std::vector<std::size_t>& additions) {
    GraphRecord sum = graph_.records[additions[0]], cut = graph_.records[left];
    const Use& summand = cut.inputs[0];
    const Use whole = graph_.add_value(graph_.values[summand.value].dtype, summand.shape);
    sum.inputs = {summand, graph_.records[right].inputs[0]};
    sum.outputs = {whole};
    cut.inputs = {whole};
    const std::size_t place = *std::min_element(additions.begin(), additions.end());
    for (std::size_t i = 0; i < additions.size(); ++i) {
      cut.outputs[i] = graph_.records[additions[i]].outputs[0];
      made_by_[cut.outputs[i].value] = place;
      is_left_out_[additions[i]] = additions[i] != place;
    }
    is_left_out_[std::min(left, right)] = true;
    graph_.records[std::max(left, right)] = std::move(sum);
    graph_.records[place] = std::move(cut);
  }

  Graph graph_;
  std::vector<std::uint32_t> reads_;
  std::vector<std::size_t> made_by_, read_by_;
  std::vector<bool> is_left_out_;
};

}  // namespace

Graph cut_sums(Graph graph) { return Summing(std::move(graph)).run(); }

}  // namespace wengert::detail
