#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/walk.h>
#include <wengert/autograd/operations.h>

namespace wengert::detail {

Marks::Marks(const List& list, std::uint8_t level, std::span<const std::uint32_t> xs)
    : first_value_(list.tape(level).first_value), marks_(list.values().size() - first_value_) {
  for (const std::uint32_t x : xs) marks_[x - first_value_] = {true, true, false};
  for (const WalkedValue& value : list.walked_values()) {
    if (value.tape == list.tape(level).id) set_walked(value.number);
  }
  for (const StoredRecord& record : list.records().subspan(list.tape(level).first_record)) {
    if (!record.operation->differentiable) continue;
    if ((record.seen_by >> level & 1) != 0) {
      pass_on(list, record);
    } else {
      // This tape was open and did not see it: the record is of its own walk.
      for (const std::uint32_t output : list.outputs(record)) set_walked(output);
    }
  }
}

void Marks::set_walked(std::uint32_t value) {
  Mark& mark = marks_[value - first_value_];
  if (!mark.asked) mark.walked = true;
}

void Marks::pass_on(const List& list, const StoredRecord& record) {
  bool depends = false;
  bool walked = false;
  for (const std::uint32_t input : list.inputs(record)) {
    const Mark mark = (*this)[input];
    depends |= mark.depends;
    walked |= mark.walked;
  }
  if (!depends && !walked) return;
  for (const std::uint32_t output : list.outputs(record)) {
    if (!is_floating(list.values()[output].dtype)) continue;
    marks_[output - first_value_].depends |= depends;
    if (walked) set_walked(output);
  }
}

Walk::Walk(List& list, std::uint8_t level, std::span<const std::uint32_t> xs)
    : list_(list), range_(list.tape(level)), level_(level), marks_(list, level, xs), adjoints_(marks_.size()) {}

void Walk::run(std::uint32_t from, Tensor first) {
  adjoint(from) = std::move(first);
  for (std::size_t i = list_.records().size(); i-- > range_.first_record;) {
    if ((list_.records()[i].seen_by >> level_ & 1) != 0) visit(i);
  }
}

void Walk::visit(std::size_t index) {
  const StoredRecord record = list_.records()[index];  // a copy: the list may move while the rule is at work
  if (!record.operation->differentiable) return;
  const auto outputs = list_.outputs(record);
  if (std::none_of(outputs.begin(), outputs.end(), [&](std::uint32_t output) { return adjoint(output).defined(); }))
    return;
  take_outputs(record);
  take_inputs(record);
  if (std::find(needed_.begin(), needed_.end(), std::uint8_t{1}) == needed_.end()) return;
  const Vjp vjp(*record.operation, record.attributes, input_types_, Borrowed::tensors(inputs_), output_types_,
                Borrowed::tensors(outputs_), dys_, needed_, results_);
  record.operation->vjp(vjp);
  for (std::size_t i = 0; i < record.inputs; ++i) {
    if (needed_[i] == 0 || !results_[i].defined()) continue;
    accumulate(list_.inputs(record)[i], *record.operation, std::move(results_[i]));
  }
}

void Walk::take_outputs(const StoredRecord& record) {
  output_types_.clear(), outputs_.clear(), dys_.clear();
  for (const std::uint32_t output : list_.outputs(record)) {
    const RecordedValue& value = list_.values()[output];
    output_types_.push_back({value.dtype, value.shape});
    outputs_.push_back(Reads::declares(record.operation->reads.outputs, outputs_.size()) ? value.kept : Borrowed());
    const bool last_use = !marks_[output].asked;
    dys_.push_back(last_use ? std::move(adjoint(output)) : adjoint(output));
  }
}

void Walk::take_inputs(const StoredRecord& record) {
  input_types_.clear(), inputs_.clear(), needed_.clear(), results_.clear();
  results_.resize(record.inputs);
  for (const std::uint32_t input : list_.inputs(record)) {
    const RecordedValue& value = list_.values()[input];
    input_types_.push_back({value.dtype, value.shape});
    // Others may have had the value kept; a rule is shown what it declared.
    inputs_.push_back(Reads::declares(record.operation->reads.inputs, inputs_.size()) ? value.kept : Borrowed());
    needed_.push_back(marks_[input].depends ? 1 : 0);
  }
}

void Walk::accumulate(std::uint32_t input, const Operation& operation, Tensor result) {
  const RecordedValue& value = list_.values()[input];
  if (result.shape() != value.shape || result.dtype() != value.dtype) {
    throw GradientError(fmt::format("{}: its vjp gave an adjoint {} {} for an input {} {}", operation.name,
                                    name_of(result.dtype()), to_string(result.shape()), name_of(value.dtype),
                                    to_string(value.shape)));
  }
  Tensor& sum = adjoint(input);
  sum = sum.defined() ? add(sum, result) : std::move(result);
}

}  // namespace wengert::detail
