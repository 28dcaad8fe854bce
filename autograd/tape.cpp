#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/internal/walk.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

using detail::Access;
using detail::List;
using detail::StoredRecord;
using detail::thread_list;

List& list_of(std::uint64_t serial) {
  List& list = thread_list();
  if (list.serial() != serial) {
    throw GradientError(
        "the tape was opened on another thread, or outside of the function of a checkpoint or custom_vjp; use it where "
        "it was made");
  }
  return list;
}

void require_floating(const char* what, DType dtype) {
  if (!is_floating(dtype)) {
    throw GradientError(
        fmt::format("{}: the tensor is {}; only f32 and f64 have derivatives; cast it first", what, name_of(dtype)));
  }
}

/// The adjoint that the walk begins with.
Tensor first_adjoint(const Tensor& y, const Tensor& seed) {
  if (!seed.defined()) {
    if (y.size() != 1) {
      throw ShapeError(
          fmt::format("gradient: y has shape {}; expected one element, or a seed of y's shape", to_string(y.shape())));
    }
    return ones(y.shape(), y.dtype());
  }
  if (seed.shape() != y.shape()) {
    throw ShapeError(fmt::format("gradient: the seed has shape {}; expected {} as y has", to_string(seed.shape()),
                                 to_string(y.shape())));
  }
  if (seed.dtype() != y.dtype()) {
    throw DTypeError(
        fmt::format("gradient: the seed is {}; expected {} as y is", name_of(seed.dtype()), name_of(y.dtype())));
  }
  return seed;
}

GradientError of_own_walk() {
  return GradientError(
      "gradient: y depends on a gradient that this tape gave, and a tape does not record its own walk; for a "
      "derivative of it open a second tape around the first, or take it as a constant with stop_gradient");
}

}  // namespace

/// The values that are asked for, and which result each counts toward: of a parameter that was assigned in between,
/// there are several.
struct Tape::Asked {
  kernels::PoolVector<std::uint32_t> numbers, owners;

  void add(std::uint32_t number, std::uint32_t owner) {
    numbers.push_back(number);
    owners.push_back(owner);
    results = std::max(results, owner + 1);
  }
  std::uint32_t results = 0;
};

Tape::Tape(TapeOptions options) : serial_(0), first_record_(0), first_value_(0), level_(thread_list().open(options)) {
  serial_ = thread_list().serial();
  first_record_ = thread_list().tape(level_).first_record;
  first_value_ = thread_list().tape(level_).first_value;
}

Tape::~Tape() {
  if (thread_list().serial() == serial_) thread_list().close(level_);
}

Tensor Tape::watch(const Tensor& tensor) {
  require_floating("watch", tensor.dtype());
  return list_of(serial_).variable(tensor);
}

std::uint32_t Tape::number_of(const Tensor& tensor) const {
  const List& list = list_of(serial_);
  static_cast<void>(Access::checked(tensor));
  if (!list.holds(tensor) || Access::node(tensor)->number < first_value_) {
    throw GradientError(
        "gradient: the tensor is not on this tape; watch it first and compute with the handle that watch returns");
  }
  return Access::node(tensor)->number;
}

std::uint32_t Tape::number_of_variable(const Tensor& tensor) const {
  require_floating("gradient", tensor.dtype());
  const std::uint32_t number = number_of(tensor);
  if (list_of(serial_).bypassed(number)) {
    throw GradientError(
        "gradient: the loss was computed from the logits of these probabilities, not through them; "
        "ask for the gradient with respect to the logits");
  }
  return number;
}

void Tape::ask(const Variable& variable, std::uint32_t owner, Asked& asked) const {
  if (variable.tensor() != nullptr) return asked.add(number_of_variable(*variable.tensor()), owner);
  require_floating("gradient", variable.parameter()->dtype());
  const List& list = list_of(serial_);
  const std::size_t before = asked.numbers.size();
  const auto& state = Access::state(*variable.parameter());
  for (const detail::ParameterRead& read : list.reads().subspan(list.tape(level_).first_read)) {
    if (read.state == state && read.is_leaf(first_value_)) asked.add(Access::node(read.variable)->number, owner);
  }
  if (asked.numbers.size() == before) {
    throw GradientError(
        fmt::format("gradient: parameter '{}' was not used on this tape", variable.parameter()->name()));
  }
}

kernels::PoolVector<Tensor> Tape::walk(const Tensor& y, const Asked& asked, const Tensor& seed, Unreached unreached) {
  List& list = list_of(serial_);
  require_floating("gradient", y.dtype());
  Tensor adjoint = first_adjoint(y, seed);
  const detail::TensorNode& node = Access::checked(y);
  const detail::OpenTape& tape = list.tape(level_);
  if (list.is_walked(y) && node.number == tape.id) throw of_own_walk();
  if ((node.serial & detail::TensorNode::walked) == 0 && node.serial != 0 && node.serial != serial_) {
    throw GradientError("gradient: y was computed on a tape that is closed, or on another thread");
  }
  const std::uint32_t id = tape.id;
  const List::Pause pause(list, std::uint64_t{1} << level_);
  detail::Walk walk(list, level_, asked.numbers);
  if (list.holds(y)) {
    const std::uint8_t mark = walk.marks()[node.number];
    if ((mark & detail::Mark::walked) != 0) throw of_own_walk();
    if ((mark & detail::Mark::depends) != 0) walk.run(node.number, std::move(adjoint));
  }
  kernels::PoolVector<Tensor> results(asked.results);
  for (std::size_t i = 0; i < asked.numbers.size(); ++i) {
    const std::uint32_t number = asked.numbers[i];
    const RecordedValue& value = list.values()[number];
    Tensor found = walk.adjoint(number);
    if (!found.defined()) {
      if (unreached == Unreached::undefined) continue;
      found = zeros(value.shape, value.dtype);
    }
    Tensor& result = results[asked.owners[i]];
    result = result.defined() ? add(result, found) : std::move(found);
  }
  for (Tensor& result : results) {
    if (result.defined()) list.mark_walked(result, id);
  }
  return results;
}

Tensor Tape::gradient(const Tensor& y, const Variable& x, const Tensor& seed) {
  Asked asked;
  ask(x, 0, asked);
  return std::move(walk(y, asked, seed, Unreached::zeros)[0]);
}

template <typename X>
std::vector<Tensor> Tape::gradients_by(const Tensor& y, std::span<const X> xs, const Tensor& seed) {
  Asked asked;
  std::uint32_t owner = 0;
  for (const X& x : xs) ask(x, owner++, asked);
  auto results = walk(y, asked, seed, Unreached::zeros);
  return {std::make_move_iterator(results.begin()), std::make_move_iterator(results.end())};
}

std::vector<Tensor> Tape::gradient(const Tensor& y, std::initializer_list<Variable> xs, const Tensor& seed) {
  return gradients_by(y, std::span(xs.begin(), xs.size()), seed);
}

std::vector<Tensor> Tape::gradient(const Tensor& y, std::span<const Variable> xs, const Tensor& seed) {
  return gradients_by(y, xs, seed);
}

std::vector<Tensor> Tape::gradient(const Tensor& y, std::span<const Tensor> xs, const Tensor& seed) {
  return gradients_by(y, xs, seed);
}

std::vector<Tensor> Tape::gradient(const Tensor& y, std::span<const Parameter> xs, const Tensor& seed) {
  return gradients_by(y, xs, seed);
}

/// Every parameter that was read, by all the values that it had.
kernels::PoolVector<Parameter> Tape::ask_all(Asked& asked) const {
  const List& list = list_of(serial_);
  kernels::PoolVector<Parameter> parameters;
  for (const detail::ParameterRead& read : list.reads().subspan(list.tape(level_).first_read)) {
    if (!read.is_leaf(first_value_)) continue;
    const Parameter parameter = Access::parameter(read.state);
    const auto found = std::find(parameters.begin(), parameters.end(), parameter);
    asked.add(Access::node(read.variable)->number, static_cast<std::uint32_t>(found - parameters.begin()));
    if (found == parameters.end()) parameters.push_back(parameter);
  }
  return parameters;
}

std::vector<Parameter> Tape::parameters() const {
  Asked asked;
  const auto all = ask_all(asked);
  return {all.begin(), all.end()};
}

Gradients Tape::gradient(const Tensor& y) {
  Asked asked;
  const kernels::PoolVector<Parameter> parameters = ask_all(asked);
  auto results = walk(y, asked, {}, Unreached::undefined);
  Gradients gradients;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool matters = results[i].defined();
    if (!matters) results[i] = zeros(parameters[i].shape(), parameters[i].dtype());
    gradients.add(parameters[i], std::move(results[i]), matters);
  }
  return gradients;
}

std::vector<Record> Tape::records() const {
  const List& list = list_of(serial_);
  std::vector<Record> result;
  for (std::size_t i = first_record_; i < list.records().size(); ++i) {
    const StoredRecord& record = list.records()[i];
    if ((record.seen_by >> level_ & 1) == 0) continue;
    result.push_back({record.operation, record.attributes, list.inputs(record), list.outputs(record)});
  }
  return result;
}

const RecordedValue& Tape::value(std::uint32_t number) const {
  const List& list = list_of(serial_);
  if (number >= list.values().size()) {
    throw ValueError(fmt::format("value {} is not on the tape, which has {}", number, list.values().size()));
  }
  return list.values()[number];
}

const Tensor& Gradients::operator[](const Parameter& parameter) const {
  for (const Entry& entry : entries_) {
    if (entry.parameter == parameter) return entry.gradient;
  }
  throw GradientError(fmt::format("no gradient for parameter '{}': it took no part", parameter.name()));
}

bool Gradients::matters(const Parameter& parameter) const {
  return std::find(idle_.begin(), idle_.end(), parameter) == idle_.end();
}

void Gradients::add(const Parameter& parameter, Tensor gradient, bool matters) {
  if (!matters) idle_.push_back(parameter);
  entries_.push_back({parameter, std::move(gradient)});
}

bool Gradients::contains(const Parameter& parameter) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.parameter == parameter; });
}

}  // namespace wengert
