#include <algorithm>
#include <optional>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::detail {
namespace {

// A matrix that every thread reads as a whole has to be read so often. What is read once, such as the weights of a net
// that is not recurrent, is better divided itself.
constexpr std::size_t least_reads = 4;

/// Follows the records in order, and what the present run of them has written.
class RowDivision {
 public:
  explicit RowDivision(const Graph& graph)
      : graph_(graph),
        is_assigned_(graph.values.size(), false),
        root_written_(graph.values.size()),
        block_written_(graph.values.size()),
        matrix_read_(graph.values.size()) {
    for (const Assignment& assignment : graph.assignments) is_assigned_[assignment.value] = true;
  }

  std::vector<RowRun> find() {
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      const std::optional<ByRows> by_rows = by_rows_of(graph_.records[r]);
      if (!by_rows || by_rows->rows != run_.rows || !reads_written_rows(graph_.records[r])) close();
      if (!by_rows) continue;
      if (run_.count == 0) run_ = {r, 0, by_rows->rows};
      for (const Use& use : graph_.records[r].outputs) {
        root_written_[root_of(graph_, use.value).value] = number_;
        block_written_[block_of(use.value)] = number_;
      }
      ++run_.count;
      work_ += by_rows->work;
      if (!graph_.records[r].is_pointwise()) add_product(graph_.records[r]);
    }
    close();
    return std::move(runs_);
  }

 private:
  struct ByRows {
    std::int64_t rows = 0;
    double work = 0;  // of a product (kernels/threads.h)
  };

  void close() {
    if (products_ >= least_reads * matrices_ && kernels::is_worth_dividing(work_)) runs_.push_back(run_);
    run_ = {};
    work_ = 0;
    products_ = matrices_ = 0;
    ++number_;
  }

  void add_product(const GraphRecord& record) {
    ++products_;
    for (const Use& use : std::span(record.inputs).subspan(1)) {
      if (std::exchange(matrix_read_[use.value], number_) != number_) ++matrices_;
    }
  }

  /// How many rows a record's results have, where each may be made alone.
  std::optional<ByRows> by_rows_of(const GraphRecord& record) const {
    const Shape& shape = record.outputs[0].shape;
    if (shape.rank() < 2 || shape[0] < 2 * RowKernel::fewest) return std::nullopt;
    const bool is_free = std::none_of(record.outputs.begin(), record.outputs.end(), [&](const Use& use) {
      return is_assigned_[use.value] || !is_floating(graph_.values[use.value].dtype) || !is_in_rows_of(use, shape[0]);
    });
    if (!is_free) return std::nullopt;
    if (!record.is_pointwise()) return product_by_rows(record);
    if (!record.is_alone() || !is_floating(record.compute)) return std::nullopt;
    return ByRows{shape[0], 0};
  }

  std::optional<ByRows> product_by_rows(const GraphRecord& record) const {
    if (record.outputs[0].shape.rank() != 2) return std::nullopt;
    const std::optional<RowKernel> kernel = kernel_by_rows(graph_, record);
    return kernel ? std::optional(ByRows{kernel->rows, kernel->work}) : std::nullopt;
  }

  /// The elements around a value, one after the other, of which it is all or some columns.
  std::uint32_t block_of(std::uint32_t value) const {
    return graph_.values[value].is_in_order() ? value : graph_.values[value].part->whole;
  }

  /// Whether each row that a view shows stands within one of so many elements: what begins a row apart from the next
  /// one, and all within as many of them, does.
  static bool shows_rows(const View& view, std::int64_t columns) {
    return view.strides[0] == columns && view.low.empty();
  }

  /// Whether the use sees so many rows of the value, which are those of the block.
  bool is_in_rows_of(const Use& use, std::int64_t rows) const {
    const GraphValue &value = graph_.values[use.value], &block = graph_.values[block_of(use.value)];
    return use.shape.rank() >= 2 && use.shape[0] == rows && use.shape.elements() == value.elements &&
           block.elements % rows == 0 && block.is_in_order() &&
           (value.is_in_order() || shows_rows(value.part->view, block.elements / rows));
  }

  /// Whether a record reads what the run has written row by row.
  bool reads_written_rows(const GraphRecord& record) const {
    const Shape& shape = record.outputs[0].shape;
    for (std::size_t i = 0; i < record.inputs.size(); ++i) {
      const Use& use = record.inputs[i];
      if (root_written_[root_of(graph_, use.value).value] != number_) continue;
      const bool is_read_by_rows = record.is_pointwise() ? use.shape.rank() == shape.rank() : i == 0;
      if (!is_read_by_rows || block_written_[block_of(use.value)] != number_ || !is_in_rows_of(use, shape[0]))
        return false;
    }
    return true;
  }

  const Graph& graph_;
  std::vector<bool> is_assigned_;
  std::vector<RowRun> runs_;
  RowRun run_;
  double work_ = 0;
  std::size_t products_ = 0, matrices_ = 0;
  std::uint32_t number_ = 1;  // of the run
  // By value: the last run that wrote any of its elements, wrote it as a block, read it as a matrix.
  std::vector<std::uint32_t> root_written_, block_written_, matrix_read_;
};

}  // namespace

Graph divide_rows(Graph graph) {
  graph.row_runs = RowDivision(graph).find();
  return graph;
}

}  // namespace wengert::detail
