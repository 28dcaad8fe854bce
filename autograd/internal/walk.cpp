#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/walk.h>
#include <wengert/autograd/operations.h>

namespace wengert::detail {
namespace {

using Places = kernels::PoolVector<Vjp::Place>;

std::span<Vjp::Place> places(Places& room, std::size_t count) {
  if (room.size() < count) room.resize(count);
  return {room.data(), count};
}

/// Others may have had a value kept; a rule is shown what it declared.
void show(const RecordedValue& value, bool is_declared, Vjp::Place& place) {
  place.type.dtype = value.dtype;
  place.type.shape = value.shape;
  place.value = is_declared ? value.kept : Borrowed();
}

void check(const Tensor& adjoint, const TensorType& expected, const Operation& operation) {
  const TensorNode& node = Access::checked(adjoint);
  if (node.shape == expected.shape && node.dtype == expected.dtype) return;
  throw GradientError(fmt::format("{}: its vjp gave an adjoint {} {} for an input {} {}", operation.name,
                                  name_of(node.dtype), to_string(node.shape), name_of(expected.dtype),
                                  to_string(expected.shape)));
}

}  // namespace

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
  const Operation& operation = *record.operation;
  if (!operation.differentiable) return;
  const auto output_numbers = list_.outputs(record), input_numbers = list_.inputs(record);
  bool any_found = false, any_needed = false;
  for (const std::uint32_t output : output_numbers) any_found |= adjoint(output).defined();
  for (const std::uint32_t input : input_numbers) any_needed |= marks_[input].depends;
  if (!any_found || !any_needed) return;
  const auto outputs = places(outputs_, output_numbers.size()), inputs = places(inputs_, input_numbers.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::uint32_t number = output_numbers[i];
    show(list_.values()[number], Reads::declares(operation.reads.outputs, i), outputs[i]);
    if (marks_[number].asked) {
      outputs[i].adjoint = adjoint(number);
    } else {
      outputs[i].adjoint = std::move(adjoint(number));  // its last use
    }
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::uint32_t number = input_numbers[i];
    show(list_.values()[number], Reads::declares(operation.reads.inputs, i), inputs[i]);
    inputs[i].is_needed = marks_[number].depends;
  }
  operation.vjp(Vjp(operation, record.attributes, inputs, outputs));
  for (Vjp::Place& output : outputs) output.adjoint = Tensor();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor result = std::move(inputs[i].adjoint);
    if (!inputs[i].is_needed || !result.defined()) continue;
    check(result, inputs[i].type, operation);
    Tensor& sum = adjoint(list_.inputs(record)[i]);
    if (sum.defined()) {
      sum = add(sum, result);
    } else {
      sum = std::move(result);
    }
  }
}

}  // namespace wengert::detail
