#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/list.h>
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
    throw GradientError("the tape was opened on another thread; use it where it was made");
  }
  return list;
}

void require_floating(const char* what, const Tensor& tensor) {
  if (!is_floating(tensor.dtype())) {
    throw GradientError(fmt::format("{}: the tensor is {}; only f32 and f64 have derivatives; cast it first", what,
                                    name_of(tensor.dtype())));
  }
}

/// What a walk needs to know of a value.
struct Mark {
  bool depends = false;  // on a variable asked for: nothing else is differentiated
  bool asked = false;
};

kernels::PoolVector<Mark> mark_values(const List& list, const detail::OpenTape& range, std::uint64_t seen,
                                      std::span<const std::uint32_t> xs) {
  kernels::PoolVector<Mark> marks(list.values().size() - range.first_value);
  for (const std::uint32_t x : xs) marks[x - range.first_value] = {true, true};
  for (const StoredRecord& record : list.records().subspan(range.first_record)) {
    if ((record.seen_by & seen) == 0 || !record.operation->differentiable) continue;
    const auto inputs = list.inputs(record);
    const bool any = std::any_of(inputs.begin(), inputs.end(), [&](std::uint32_t input) {
      return input >= range.first_value && marks[input - range.first_value].depends;
    });
    if (!any) continue;
    for (const std::uint32_t output : list.outputs(record)) marks[output - range.first_value].depends = true;
  }
  return marks;
}

/// The state of one walk backward: the adjoints found so far.
class Walk {
 public:
  Walk(List& list, detail::OpenTape range, std::uint64_t seen, std::span<const std::uint32_t> xs)
      : list_(list), range_(range), seen_(seen), marks_(mark_values(list, range, seen, xs)),
        adjoints_(marks_.size()) {}

  Tensor& adjoint(std::uint32_t value) { return adjoints_[value - range_.first_value]; }
  bool depends(std::uint32_t value) const { return value >= range_.first_value && marks_[value - range_.first_value].depends; }

  void run() {
    // Operations applied on the way may lengthen the list; the records to visit are those there are now.
    for (std::size_t i = list_.records().size(); i-- > range_.first_record;) {
      if ((list_.records()[i].seen_by & seen_) != 0) visit(i);
    }
  }

 private:
  void visit(std::size_t index) {
    const StoredRecord record = list_.records()[index];
    if (!record.operation->differentiable) return;
    take_outputs(record);
    if (std::none_of(dys_.begin(), dys_.end(), [](const Tensor& dy) { return dy.defined(); })) return;
    take_inputs(record);
    if (std::find(needed_.begin(), needed_.end(), std::uint8_t{1}) == needed_.end()) return;
    const Vjp vjp(*record.operation, record.attributes, input_types_, inputs_, output_types_, outputs_, dys_,
                  needed_, results_);
    record.operation->vjp(vjp);
    for (std::size_t i = 0; i < record.inputs; ++i) {
      if (needed_[i] != 0 && results_[i].defined()) accumulate(list_.inputs(record)[i], *record.operation, std::move(results_[i]));
    }
  }

  void take_outputs(const StoredRecord& record) {
    output_types_.clear(), outputs_.clear(), dys_.clear();
    for (const std::uint32_t output : list_.outputs(record)) {
      const RecordedValue& value = list_.values()[output];
      output_types_.push_back({value.dtype, value.shape});
      outputs_.push_back(value.kept);
      const bool last_use = !marks_[output - range_.first_value].asked;
      dys_.push_back(last_use ? std::move(adjoint(output)) : adjoint(output));
    }
  }

  void take_inputs(const StoredRecord& record) {
    input_types_.clear(), inputs_.clear(), needed_.clear(), results_.clear();
    results_.resize(record.inputs);
    for (const std::uint32_t input : list_.inputs(record)) {
      const RecordedValue& value = list_.values()[input];
      input_types_.push_back({value.dtype, value.shape});
      inputs_.push_back(value.kept);
      needed_.push_back(depends(input) ? 1 : 0);
    }
  }

  void accumulate(std::uint32_t input, const Operation& operation, Tensor result) {
    if (result.shape() != list_.values()[input].shape) {
      throw GradientError(fmt::format("{}: its vjp gave an adjoint of shape {} for an input of shape {}", operation.name,
                                      to_string(result.shape()), to_string(list_.values()[input].shape)));
    }
    Tensor& sum = adjoint(input);
    sum = sum.defined() ? add(sum, result) : std::move(result);
  }

  List& list_;
  const detail::OpenTape range_;
  const std::uint64_t seen_;
  kernels::PoolVector<Mark> marks_;
  kernels::PoolVector<Tensor> adjoints_;
  kernels::PoolVector<TensorType> input_types_, output_types_;
  kernels::PoolVector<Tensor> inputs_, outputs_, dys_, results_;
  kernels::PoolVector<std::uint8_t> needed_;
};

/// The adjoint that the walk begins with.
Tensor first_adjoint(const Tensor& y, const Tensor& seed) {
  if (!seed.defined()) {
    if (y.size() != 1) {
      throw ShapeError(fmt::format("gradient: y has shape {}; expected one element, or a seed of y's shape", to_string(y.shape())));
    }
    return ones(y.shape(), y.dtype());
  }
  if (seed.shape() != y.shape() || seed.dtype() != y.dtype()) {
    throw ShapeError(fmt::format("gradient: the seed is {} {}; expected {} {} as y is", name_of(seed.dtype()),
                                 to_string(seed.shape()), name_of(y.dtype()), to_string(y.shape())));
  }
  return seed;
}

}  // namespace

Tape::Tape(TapeOptions options) : serial_(0), first_record_(0), first_value_(0), level_(thread_list().open(options)) {
  serial_ = thread_list().serial();
  first_record_ = thread_list().tape(level_).first_record;
  first_value_ = thread_list().tape(level_).first_value;
}

Tape::~Tape() {
  if (thread_list().serial() == serial_) thread_list().close(level_);
}

Tensor Tape::watch(const Tensor& tensor) {
  require_floating("watch", tensor);
  return list_of(serial_).variable(tensor);
}

std::uint32_t Tape::number_of(const Tensor& tensor) const {
  const List& list = list_of(serial_);
  static_cast<void>(Access::checked(tensor));
  if (!list.holds(tensor) || Access::node(tensor)->number < first_value_) {
    throw GradientError("gradient: the tensor is not on this tape; watch it first and compute with the handle that watch returns");
  }
  return Access::node(tensor)->number;
}

std::uint32_t Tape::number_of(const Variable& variable) const {
  const List& list = list_of(serial_);
  if (variable.tensor() != nullptr) {
    require_floating("gradient", *variable.tensor());
    const std::uint32_t number = number_of(*variable.tensor());
    if (list.bypassed(number)) {
      throw GradientError("gradient: the loss was computed from the logits of these probabilities, not through them; "
                          "ask for the gradient with respect to the logits");
    }
    return number;
  }
  const auto& state = Access::state(*variable.parameter());
  for (const detail::ParameterRead& read : list.reads().subspan(list.tape(level_).first_read)) {
    if (read.state == state) return Access::node(read.variable)->number;
  }
  throw GradientError(fmt::format("gradient: parameter '{}' was not used on this tape", variable.parameter()->name()));
}

kernels::PoolVector<Tensor> Tape::walk(const Tensor& y, std::span<const std::uint32_t> xs, const Tensor& seed) {
  List& list = list_of(serial_);
  require_floating("gradient", y);
  Tensor adjoint = first_adjoint(y, seed);
  const detail::TensorNode& node = Access::checked(y);
  if (node.serial != 0 && node.serial != serial_) {
    throw GradientError("gradient: y was computed on a tape that is closed, or on another thread");
  }
  const List::Pause pause(list, level_);
  kernels::PoolVector<Tensor> results;
  results.reserve(xs.size());
  Walk walk(list, list.tape(level_), std::uint64_t{1} << level_, xs);
  if (list.holds(y) && walk.depends(node.number)) {
    walk.adjoint(node.number) = std::move(adjoint);
    walk.run();
  }
  for (const std::uint32_t x : xs) {
    const RecordedValue& value = list.values()[x];
    results.push_back(walk.adjoint(x).defined() ? walk.adjoint(x) : zeros(value.shape, value.dtype));
  }
  return results;
}

Tensor Tape::gradient(const Tensor& y, const Variable& x, const Tensor& seed) {
  const std::uint32_t number = number_of(x);
  return walk(y, {&number, 1}, seed)[0];
}

std::vector<Tensor> Tape::gradient(const Tensor& y, std::initializer_list<Variable> xs, const Tensor& seed) {
  kernels::PoolVector<std::uint32_t> numbers;
  for (const Variable& x : xs) numbers.push_back(number_of(x));
  const auto results = walk(y, numbers, seed);
  return {results.begin(), results.end()};
}

std::vector<Tensor> Tape::gradient(const Tensor& y, std::span<const Tensor> xs, const Tensor& seed) {
  kernels::PoolVector<std::uint32_t> numbers;
  for (const Tensor& x : xs) numbers.push_back(number_of(Variable(x)));
  const auto results = walk(y, numbers, seed);
  return {results.begin(), results.end()};
}

Gradients Tape::gradient(const Tensor& y) {
  const List& list = list_of(serial_);
  Gradients gradients;
  kernels::PoolVector<std::uint32_t> numbers;
  kernels::PoolVector<std::shared_ptr<detail::ParameterState>> states;
  for (const detail::ParameterRead& read : list.reads().subspan(list.tape(level_).first_read)) {
    if (std::find(states.begin(), states.end(), read.state) != states.end()) continue;
    states.push_back(read.state);
    numbers.push_back(Access::node(read.variable)->number);
  }
  auto results = walk(y, numbers, {});
  for (std::size_t i = 0; i < results.size(); ++i) gradients.add(Access::parameter(states[i]), std::move(results[i]));
  return gradients;
}

std::vector<Record> Tape::records() const {
  const List& list = list_of(serial_);
  std::vector<Record> result;
  for (const StoredRecord& record : list.records().subspan(first_record_)) {
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

bool Gradients::contains(const Parameter& parameter) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.parameter == parameter; });
}

}  // namespace wengert
