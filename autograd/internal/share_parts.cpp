#include <algorithm>
#include <cstdlib>
#include <optional>
#include <tuple>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::detail {
namespace {

/// Who makes a value, and reads it.
struct Role {
  const GraphRecord* maker = nullptr;
  std::int64_t read_elements = 0;  // by formulas of pointwise records, for each element that they compute
  std::size_t other_reads = 0;     // by whoever else
  const Shape* shape = nullptr;    // in which those formulas see it
  bool has_other_shapes = false;
  bool is_whole = false;    // of parts
  std::size_t seen_by = 0;  // the last record that asked for it, counted from 1
};

class PartSharing {
 public:
  explicit PartSharing(Graph graph)
      : graph_(std::move(graph)), roles_(graph_.values.size()), is_passed_on_(find_passed_on(graph_)) {
    for (const GraphRecord& record : graph_.records) look_at(record);
  }

  Graph run() {
    std::vector<bool> is_shared;
    for (const GraphRecord& record : graph_.records)
      is_shared.push_back(share(record, is_shared.size() + 1) || read_in_place(record));
    leave_out(graph_, is_shared);
    return std::move(graph_);
  }

 private:
  void look_at(const GraphRecord& record) {
    const std::size_t formula = record.is_pointwise() ? record.read().size() : 0;
    for (std::size_t i = 0; i < record.inputs.size(); ++i) {
      Role& role = roles_[record.inputs[i].value];
      const Shape& shape = record.inputs[i].shape;
      if (i >= formula) {
        ++role.other_reads;
        continue;
      }
      role.read_elements += record.outputs[0].shape.elements();
      if (role.shape == nullptr) {
        role.shape = &shape;
      } else if (*role.shape != shape) {
        role.has_other_shapes = true;
      }
    }
    for (const Use& use : record.outputs) roles_[use.value].maker = &record;
  }

  bool comes_in(std::uint32_t value) const {
    const Source source = graph_.values[value].source;
    return source == Source::input || source == Source::slot || source == Source::constant;
  }

  bool is_free(std::uint32_t value) const {
    return graph_.values[value].source == Source::computed && !is_passed_on_[value];
  }

  /// Whether formulas alone read the value, and see it so; beside the record that joins it to others.
  bool is_seen_as(const Use& use, bool is_joined) const {
    const Role& role = roles_[use.value];
    return role.other_reads == (is_joined ? 1 : 0) && !role.has_other_shapes &&
           (role.shape == nullptr || *role.shape == use.shape);
  }

  /// Whether a formula makes the value, and could write it in such rows.
  bool may_be_made_in_rows(const Use& use, const View& view) const {
    const GraphRecord& maker = *roles_[use.value].maker;
    if (!maker.is_pointwise() || roles_[use.value].is_whole) return false;
    const auto run = static_cast<std::size_t>(layout_of(use.shape, view).run);
    if (!kernels::PointwiseRows::are_long(run * size_of(graph_.values[use.value].dtype))) return false;
    const auto computed = maker.computed();
    const auto output = std::find(computed.begin(), computed.end(), use);
    return output != computed.end() &&
           std::none_of(maker.reductions.begin(), maker.reductions.end(), [&](const Reduced& reduced) {
             return reduced.output == static_cast<std::size_t>(output - computed.begin());
           });
  }

  bool may_be_part(const Use& use, const ValuePart& part, bool is_joined) const {
    const GraphValue& value = graph_.values[use.value];
    if (!is_free(use.value) || value.part != nullptr || value.elements == 0) return false;
    if (!part.view.strides.empty())
      return is_seen_as(use, is_joined) && (!is_joined || may_be_made_in_rows(use, part.view));
    return ends_with_block(use.value);
  }

  /// Places may be read and written up to the end of their last block.
  bool ends_with_block(std::uint32_t value) const { return graph_.values[value].bytes() % kernels::block_bytes == 0; }

  bool may_be_whole(const Use& use, bool is_made_of_parts) const {
    return is_free(use.value) ? graph_.values[use.value].is_in_order() : comes_in(use.value) && !is_made_of_parts;
  }

  /// Lets the parts stand within the whole, if all can.
  bool share(const GraphRecord& record, std::size_t number) {
    if (record.operation == nullptr || !(record.operation->divides || record.operation->joins)) return false;
    const bool joins = record.operation->joins;
    const Use& whole = joins ? record.outputs[0] : record.inputs[0];
    const auto& uses = joins ? record.inputs : record.outputs;
    if (!may_be_whole(whole, joins)) return false;
    const std::size_t axis = cut_axis(record);
    const Ints strides = row_major_strides(whole.shape);
    const bool are_rows = strides[axis] * whole.shape[axis] != whole.shape.elements();
    std::vector<ValuePart> parts;
    std::int64_t first = 0;
    for (const Use& use : uses) {
      parts.push_back({whole.value, {.first = first, .strides = are_rows ? strides : Ints{}}});
      const bool is_twice = std::exchange(roles_[use.value].seen_by, number) == number;
      if (is_twice || !may_be_part(use, parts.back(), joins)) return false;
      first += use.shape[axis] * strides[axis];
    }
    for (std::size_t i = 0; i < uses.size(); ++i)
      graph_.values[uses[i].value].part = std::make_shared<const ValuePart>(parts[i]);
    roles_[whole.value].is_whole = true;
    return true;
  }

  /// Lets what a record only moves be read where it stands.
  bool read_in_place(const GraphRecord& record) {
    if (record.operation == nullptr || record.operation->view == nullptr) return false;
    const Use &whole = record.inputs[0], &moved = record.outputs[0];
    if (!may_be_whole(whole, false) || graph_.values[whole.value].dtype != graph_.values[moved.value].dtype)
      return false;
    const std::optional<View> view = record.operation->view(whole.shape, moved.shape, record.attributes);
    if (!view || moved.shape.rank() == 0 || !is_view(*view, whole.shape, moved.shape)) return false;
    ValuePart part{whole.value, *view};
    const bool is_in_order = view->low.empty() && layout_of(moved.shape, *view).run == 0;
    if (is_in_order && ends_with_block(moved.value)) part.view.strides = {};
    if (!may_be_part(moved, part, false) || !(is_in_order || is_near(moved, *view))) return false;
    graph_.values[moved.value].part = std::make_shared<const ValuePart>(part);
    roles_[whole.value].is_whole = true;
    return true;
  }

  /// Whether formulas read the elements of a view no slower than a copy of them. They read along the last axis: its
  /// elements have to be the nearest to each other, as a transposed matrix is better copied square by square. And where
  /// they do not stand in runs, they are to be read once.
  bool is_near(const Use& moved, const View& view) const {
    constexpr std::int64_t least_run = 16, unknown = -1;
    std::int64_t nearest = unknown, run = 1;
    for (std::size_t axis = moved.shape.rank(); axis-- > 0;) {
      const bool is_empty = !view.low.empty() && view.low[axis] == view.high[axis];
      const std::int64_t distance = std::abs(view.strides[axis]);
      if (is_empty || (distance == 0 && moved.shape[axis] > 1)) return false;
      if (moved.shape[axis] == 1) continue;
      if (nearest == unknown) std::tie(nearest, run) = std::pair(distance, moved.shape[axis]);
      if (distance < nearest) return false;
    }
    return roles_[moved.value].read_elements <= moved.shape.elements() || (nearest == 1 && run >= least_run);
  }

  Graph graph_;
  std::vector<Role> roles_;
  std::vector<bool> is_passed_on_;
};

}  // namespace

Graph share_parts(Graph graph) { return PartSharing(std::move(graph)).run(); }

}  // namespace wengert::detail
