#include <algorithm>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::detail {
namespace {

/// Who makes a value, and reads it.
struct Role {
  const GraphRecord* maker = nullptr;
  std::size_t other_reads = 0;   // but by the formula of a pointwise record
  const Shape* shape = nullptr;  // in which those formulas see it
  bool has_other_shapes = false;
  bool leaves = false;      // is a result, or assigned
  bool is_whole = false;    // of parts
  std::size_t seen_by = 0;  // the last record that asked for it, counted from 1
};

class Sharing {
 public:
  explicit Sharing(Graph graph) : graph_(std::move(graph)), roles_(graph_.values.size()) {
    for (const GraphRecord& record : graph_.records) look_at(record);
    for (const Use& use : graph_.results) roles_[use.value].leaves = true;
    for (const Assignment& assignment : graph_.assignments) roles_[assignment.value].leaves = true;
  }

  Graph run() {
    std::vector<bool> is_shared;
    for (const GraphRecord& record : graph_.records) is_shared.push_back(share(record, is_shared.size() + 1));
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
      } else if (role.shape == nullptr) {
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
    return graph_.values[value].source == Source::computed && !roles_[value].leaves;
  }

  /// Whether formulas alone read the value, and see it so; beside the record that joins it to others.
  bool is_seen_as(const Use& use, bool is_joined) const {
    const Role& role = roles_[use.value];
    return role.other_reads == (is_joined ? 1 : 0) && !role.has_other_shapes &&
           (role.shape == nullptr || *role.shape == use.shape);
  }

  /// Whether a formula makes the value, and could write it in rows.
  bool may_be_made_in_rows(const Use& use, std::int64_t run) const {
    const GraphRecord& maker = *roles_[use.value].maker;
    if (!maker.is_pointwise() || roles_[use.value].is_whole) return false;
    const std::size_t run_bytes = static_cast<std::size_t>(run) * size_of(graph_.values[use.value].dtype);
    if (!kernels::PointwiseRows::are_long(run_bytes)) return false;
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
    if (part.run != value.elements)
      return is_seen_as(use, is_joined) && (!is_joined || may_be_made_in_rows(use, part.run));
    // Places may be read and written up to the end of their last block.
    return value.bytes() % kernels::block_bytes == 0;
  }

  /// Lets the parts stand within the whole, if all can.
  bool share(const GraphRecord& record, std::size_t number) {
    if (record.operation == nullptr || !(record.operation->divides || record.operation->joins)) return false;
    const bool joins = record.operation->joins;
    const Use& whole = joins ? record.outputs[0] : record.inputs[0];
    const auto& uses = joins ? record.inputs : record.outputs;
    const bool may_be_whole =
        is_free(whole.value) ? !graph_.values[whole.value].is_in_rows() : comes_in(whole.value) && !joins;
    if (!may_be_whole) return false;
    const std::size_t axis = cut_axis(record);
    const std::int64_t stride = row_major_strides(whole.shape)[axis], step = stride * whole.shape[axis];
    const bool are_rows = step != graph_.values[whole.value].elements;
    std::vector<ValuePart> parts;
    std::int64_t first = 0;
    for (const Use& use : uses) {
      const std::int64_t run = use.shape[axis] * stride;
      parts.push_back({whole.value, first, are_rows ? run : graph_.values[use.value].elements, step});
      const bool is_twice = std::exchange(roles_[use.value].seen_by, number) == number;
      if (is_twice || !may_be_part(use, parts.back(), joins)) return false;
      first += run;
    }
    for (std::size_t i = 0; i < uses.size(); ++i)
      graph_.values[uses[i].value].part = std::make_shared<const ValuePart>(parts[i]);
    roles_[whole.value].is_whole = true;
    return true;
  }

  Graph graph_;
  std::vector<Role> roles_;
};

}  // namespace

Graph share_parts(Graph graph) { return Sharing(std::move(graph)).run(); }

}  // namespace wengert::detail
