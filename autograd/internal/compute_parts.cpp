#include <algorithm>
#include <utility>

#include <wengert/autograd/internal/passes.h>

namespace wengert::detail {
namespace {

/// A value that is cut along its first axis, and the records that make it: the last one first, a product at the end.
struct Cut {
  std::size_t record = no_record;
  std::vector<std::size_t> makers = {};
};

Shape without_first_axis(const Shape& shape) { return Shape(std::span(shape.begin() + 1, shape.end())); }

Shape part_of(const Shape& whole, std::int64_t parts) {
  Ints extents(whole);
  extents[0] /= parts;
  return Shape(extents);
}

/// The shape that a part is computed in: without the first axis, where it is one long.
Shape computed_shape(const Shape& part) { return part[0] == 1 ? without_first_axis(part) : part; }

class Computing {
 public:
  explicit Computing(Graph graph)
      : graph_(std::move(graph)),
        reads_(count_reads(graph_)),
        made_by_(find_makers(graph_)),
        is_left_out_(graph_.records.size(), false) {}

  Graph run() {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) look_at(r);
    if (cuts_.empty()) return std::move(graph_);
    before_.resize(graph_.values.size());
    for (const Cut& cut : cuts_) compute_by_parts(cut);
    place_records();
    return std::move(graph_);
  }

 private:
  void look_at(std::size_t r) {
    const GraphRecord& record = graph_.records[r];
    if (record.operation->divides && graph_.values[record.inputs[0].value].bytes() >= beyond_cache_bytes) {
      Cut cut{r, makers_of(record)};
      if (!cut.makers.empty()) cuts_.push_back(std::move(cut));
    }
  }

  /// Makers of what a record cuts; none where they do not make it part by part.
  std::vector<std::size_t> makers_of(const GraphRecord& record) const {
    Use whole = record.inputs[0];
    const auto is_like_the_first = [&](const Use& part) { return part.shape == record.outputs[0].shape; };
    if (cut_axis(record) != 0 || !std::all_of(record.outputs.begin(), record.outputs.end(), is_like_the_first))
      return {};
    const auto parts = static_cast<std::int64_t>(record.outputs.size());
    std::vector<std::size_t> makers;
    while (made_by_[whole.value] != no_record && reads_[whole.value] == 1) {
      makers.push_back(made_by_[whole.value]);
      const GraphRecord& maker = graph_.records[makers.back()];
      if (maker.outputs.size() != 1 || maker.outputs[0].shape != whole.shape) return {};
      if (!maker.is_pointwise()) return makes_parts(maker, parts) ? makers : std::vector<std::size_t>();
      const Use* const next = only_whole(maker);
      if (next == nullptr) return {};
      whole = *next;
    }
    return {};
  }

  /// The operand of a formula that is as long as the result; null where there are several.
  static const Use* only_whole(const GraphRecord& formula) {
    const Shape& shape = formula.outputs[0].shape;
    const Use* found = nullptr;
    for (const Use& use : formula.inputs) {
      if (use.shape.rank() < shape.rank() || use.shape[0] == 1) continue;
      if (use.shape != shape || found != nullptr) return nullptr;
      found = &use;
    }
    return found;
  }

  bool makes_parts(const GraphRecord& product, std::int64_t parts) const {
    const std::optional<RowKernel> kernel = kernel_by_rows(graph_, product);
    const Shape &shape = product.outputs[0].shape, &left = product.inputs[0].shape;
    return kernel && kernel->rows / parts >= RowKernel::fewest && left.rank() == shape.rank() && left[0] == shape[0];
  }

  /// Cuts what the product reads, and makes each part of the results from a part of that, before it is read.
  void compute_by_parts(const Cut& cut) {
    GraphRecord& divider = graph_.records[cut.record];
    const auto parts = static_cast<std::int64_t>(divider.outputs.size());
    const Use from = graph_.records[cut.makers.back()].inputs[0];
    const Shape read = part_of(from.shape, parts);
    divider.inputs[0] = from;
    for (const std::size_t maker : cut.makers) is_left_out_[maker] = true;
    for (Use& use : divider.outputs) {
      const Use part = std::exchange(use, graph_.add_value(graph_.values[from.value].dtype, read));
      if (reads_[part.value] == 0) continue;
      Use made{use.value, computed_shape(read)};
      std::vector<GraphRecord>& makers = before_[part.value];
      for (std::size_t i = cut.makers.size(); i-- > 0;) {
        makers.push_back(part_of_record(graph_.records[cut.makers[i]], made, parts));
        Use& result = makers.back().outputs[0];
        made =
            i == 0 ? Use{part.value, result.shape} : graph_.add_value(graph_.values[result.value].dtype, result.shape);
        result = made;
      }
    }
  }

  /// The record with one part of what it reads, for one part of what it makes.
  static GraphRecord part_of_record(const GraphRecord& record, const Use& part, std::int64_t parts) {
    GraphRecord made = record;
    const Use* const whole = record.is_pointwise() ? only_whole(record) : &record.inputs[0];
    const std::size_t rank = record.outputs[0].shape.rank();
    made.outputs[0].shape = computed_shape(part_of(record.outputs[0].shape, parts));
    for (std::size_t i = 0; i < made.inputs.size(); ++i) {
      Use& use = made.inputs[i];
      if (&record.inputs[i] == whole) {
        use = part;
      } else if (use.shape.rank() == rank && made.outputs[0].shape.rank() < rank) {
        use.shape = without_first_axis(use.shape);
      }
    }
    return made;
  }

  /// Each part before the first record that reads it, or at the end.
  void place_records() {
    std::vector<GraphRecord> records = std::exchange(graph_.records, {});
    for (std::size_t r = 0; r < records.size(); ++r) {
      if (!is_left_out_[r]) place(std::move(records[r]));
    }
    for (std::uint32_t value = 0; value < before_.size(); ++value) make(value);
  }

  /// What makes a part may itself read parts of other values.
  void place(GraphRecord record) {
    for (const Use& use : record.inputs) make(use.value);
    graph_.records.push_back(std::move(record));
  }

  void make(std::uint32_t value) {
    if (value >= before_.size()) return;
    for (GraphRecord& maker : std::exchange(before_[value], {})) place(std::move(maker));
  }

  Graph graph_;
  std::vector<std::uint32_t> reads_;
  std::vector<std::size_t> made_by_;
  std::vector<bool> is_left_out_;
  std::vector<Cut> cuts_;
  std::vector<std::vector<GraphRecord>> before_;  // what makes a part, by its value
};

}  // namespace

Graph compute_parts(Graph graph) { return Computing(std::move(graph)).run(); }

}  // namespace wengert::detail
