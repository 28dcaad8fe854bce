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
  if (!take_inputs(record)) return;
  const Vjp vjp(*record.operation, record.attributes, input_types_, Borrowed::tensors(inputs_), output_types_,
                Borrowed::tensors(outputs_), dys_, needed_, results_);
  record.operation->vjp(vjp);
  for (std::size_t i = 0; i < record.inputs; ++i) {
    Tensor result = std::move(results_[i]);
    if (needed_[i] != 0 && result.defined()) {
      accumulate(list_.inputs(record)[i], *record.operation, std::move(result));
    }
  }
}

void Walk::take_outputs(const StoredRecord& record) {
  const auto outputs = list_.outputs(record);
  output_types_.resize(outputs.size()), outputs_.resize(outputs.size()), dys_.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const RecordedValue& value = list_.values()[outputs[i]];
    output_types_[i].dtype = value.dtype;
    output_types_[i].shape = value.shape;
    outputs_[i] = Reads::declares(record.operation->reads.outputs, i) ? value.kept : Borrowed();
    const bool last_use = !marks_[outputs[i]].asked;
    dys_[i] = last_use ? std::move(adjoint(outputs[i])) : adjoint(outputs[i]);
  }
}

bool Walk::take_inputs(const StoredRecord& record) {
  const auto inputs = list_.inputs(record);
  input_types_.resize(inputs.size()), inputs_.resize(inputs.size());
  needed_.resize(inputs.size()), results_.resize(inputs.size());
  bool any_needed = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const RecordedValue& value = list_.values()[inputs[i]];
    input_types_[i].dtype = value.dtype;
    input_types_[i].shape = value.shape;
    // Others may have had the value kept; a rule is shown what it declared.
    inputs_[i] = Reads::declares(record.operation->reads.inputs, i) ? value.kept : Borrowed();
    needed_[i] = marks_[inputs[i]].depends ? 1 : 0;
    any_needed |= needed_[i] != 0;
  }
  return any_needed;
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
