#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/walk.h>
#include <wengert/autograd/operations.h>

namespace wengert::detail {
namespace {

void check(const Tensor& adjoint, const RecordedValue& expected, const Operation& operation) {
  const TensorNode& node = Access::checked(adjoint);
  if (node.shape == expected.shape && node.dtype == expected.dtype) return;
  throw GradientError(fmt::format("{}: its vjp gave an adjoint {} {} for an input {} {}", operation.name,
                                  name_of(node.dtype), to_string(node.shape), name_of(expected.dtype),
                                  to_string(expected.shape)));
}

}  // namespace

Marks::Marks(const List& list, std::uint8_t level, std::span<const std::uint32_t> xs)
    : first_value_(list.tape(level).first_value), marks_(list.values().size() - first_value_) {
  for (const std::uint32_t x : xs) marks_[x - first_value_] = Mark::depends | Mark::asked;
  for (const WalkedValue& value : list.walked_values()) {
    if (value.tape == list.tape(level).id) add(value.number, Mark::walked);
  }
  for (std::size_t i = list.tape(level).first_record; i < list.records().size(); ++i) {
    const StoredRecord& record = list.records()[i];
    if (!record.operation->differentiable) continue;
    if ((record.seen_by >> level & 1) != 0) {
      pass_on(list, record);
    } else {
      // This tape was open and did not see it: the record is of its own walk.
      for (const std::uint32_t output : list.outputs(record)) add(output, Mark::walked);
    }
  }
}

void Marks::add(std::uint32_t value, std::uint8_t bits) {
  std::uint8_t& mark = marks_[value - first_value_];
  mark |= (mark & Mark::asked) != 0 ? bits & Mark::depends : bits;
}

void Marks::pass_on(const List& list, const StoredRecord& record) {
  std::uint8_t bits = 0;
  for (const std::uint32_t input : list.inputs(record)) bits |= (*this)[input];
  bits &= Mark::depends | Mark::walked;
  if (bits == 0) return;
  for (const std::uint32_t output : list.outputs(record)) {
    if (is_floating(list.values()[output].dtype)) add(output, bits);
  }
}

Walk::Walk(List& list, std::uint8_t level, std::span<const std::uint32_t> xs)
    : list_(list), range_(list.tape(level)), level_(level), marks_(list, level, xs), adjoints_(marks_.size()) {}

void Walk::run(std::uint32_t from, Tensor first) {
  adjoint(from) = std::move(first);
  for (std::size_t i = list_.records().size(); i-- > range_.first_record;) {
    const StoredRecord& record = list_.records()[i];
    if ((record.seen_by >> level_ & 1) != 0 && record.operation->differentiable) visit(record);
  }
}

void Walk::visit(const StoredRecord& record) {
  const Operation& operation = *record.operation;
  if (places_.size() < record.inputs + record.outputs) places_.resize(record.inputs + record.outputs);
  const std::span<Vjp::Place> inputs(places_.data(), record.inputs), outputs(inputs.end(), record.outputs);
  const std::uint32_t* number = list_.inputs(record).data();
  bool is_needed = false, is_found = false;
  for (std::size_t i = 0; i < inputs.size(); ++i, ++number) {
    inputs[i].value = &list_.values()[*number];
    inputs[i].is_needed = (marks_[*number] & Mark::depends) != 0;
    is_needed |= inputs[i].is_needed;
  }
  if (!is_needed) return;
  for (std::size_t i = 0; i < outputs.size(); ++i, ++number) {
    outputs[i].value = &list_.values()[*number];
    if ((marks_[*number] & Mark::asked) != 0) {
      outputs[i].adjoint = adjoint(*number);
    } else {
      outputs[i].adjoint = std::move(adjoint(*number));  // its last use
    }
    is_found |= outputs[i].adjoint.defined();
  }
  if (!is_found) return;
  operation.vjp(Vjp(operation, record.attributes, inputs, outputs));
  for (Vjp::Place& output : outputs) output.adjoint = Tensor();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor result = std::move(inputs[i].adjoint);
    if (!inputs[i].is_needed || !result.defined()) continue;
    check(result, *inputs[i].value, operation);
    Tensor& sum = adjoint(list_.inputs(record)[i]);
    if (sum.defined()) {
      sum = add(sum, result);
    } else {
      sum = std::move(result);
    }
  }
}

}  // namespace wengert::detail
