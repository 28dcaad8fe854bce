#include <algorithm>
#include <atomic>
#include <limits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/internal/observation.h>
#include <wengert/autograd/operations.h>

namespace wengert::operations {
const Operation& identity();
}

namespace wengert::detail {
namespace {

constexpr std::size_t deepest = 63;

std::uint64_t new_serial() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

List::~List() = default;

std::uint8_t List::open(const TapeOptions& options) {
  if (tapes_.size() >= deepest)
    throw GradientError(fmt::format("{} tapes are open on this thread; no more can nest", deepest));
  if (tapes_.empty()) serial_ = new_serial();
  const auto level = static_cast<std::uint8_t>(tapes_.size());
  tapes_.push_back({opened_++, static_cast<std::uint32_t>(records_.size()), static_cast<std::uint32_t>(values_.size()),
                    static_cast<std::uint32_t>(reads_.size()), options.keep_all, false});
  active_ |= std::uint64_t{1} << level;
  if (options.keep_all) keep_all_ |= std::uint64_t{1} << level;
  return level;
}

void List::close(std::uint8_t level) noexcept {
  active_ &= ~(std::uint64_t{1} << level);
  keep_all_ &= ~(std::uint64_t{1} << level);
  tapes_[level].closed = true;
  while (!tapes_.empty() && tapes_.back().closed) tapes_.pop_back();
  if (!tapes_.empty()) return;
  serial_ = 0;
  records_.clear();
  links_.clear();
  values_.clear();
  reads_.clear();
  bypassed_.clear();
  walked_values_.clear();
  made_.clear();
}

std::uint32_t List::add_value(const Tensor& tensor, bool keep) {
  if (values_.size() == std::numeric_limits<std::uint32_t>::max()) throw GradientError("the tape is full: 2³² values");
  const TensorNode& node = Access::checked(tensor);
  RecordedValue& value = values_.emplace_back(node.dtype, node.shape);
  if (keep) value.kept = tensor;
  return static_cast<std::uint32_t>(values_.size() - 1);
}

std::uint32_t List::add_own_value(Tensor& tensor, bool keep) {
  const std::uint32_t number = add_value(tensor, keep);
  Access::node(tensor)->serial = serial_;
  Access::node(tensor)->number = number;
  return number;
}

void List::record(const Operation& operation, const Attributes& attributes, std::span<const Tensor> inputs,
                  std::span<Tensor> results) {
  if (observation_ != nullptr) observation_->note(inputs);
  if (seeing() == 0) return;
  const bool all = keeps_all();
  const std::uint64_t first_link = links_.size();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool keep = all || Reads::declares(operation.reads.inputs, i);
    if (holds(inputs[i])) {
      const std::uint32_t number = Access::node(inputs[i])->number;
      if (keep && !values_[number].kept.defined()) values_[number].kept = inputs[i];
      links_.push_back(number);
    } else {
      const std::uint32_t number = add_value(inputs[i], keep);
      links_.push_back(number);
      if (is_walked(inputs[i])) walked_values_.push_back({number, Access::node(inputs[i])->number});
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    links_.push_back(add_own_value(results[i], all || Reads::declares(operation.reads.outputs, i)));
  }
  records_.emplace_back(&operation, attributes, active_, first_link, static_cast<std::uint32_t>(inputs.size()),
                        static_cast<std::uint32_t>(results.size()));
}

void List::record(std::shared_ptr<const Operation> operation, std::span<const Tensor> inputs,
                  std::span<Tensor> results) {
  made_.push_back(std::move(operation));
  record(*made_.back(), {}, inputs, results);
}

Tensor List::variable(const Tensor& tensor) {
  if (observation_ != nullptr) observation_->note({&tensor, 1});
  Tensor result = Access::alias(tensor);
  if (holds(tensor)) {
    record(operations::identity(), {}, {&tensor, 1}, {&result, 1});
  } else {
    add_own_value(result, keeps_all());
  }
  return result;
}

Tensor List::read(const std::shared_ptr<ParameterState>& state) {
  Tensor value = read_state(state);
  if (!recording() || !is_floating(value.dtype())) return value;
  Tensor source = value;
  if (observation_ != nullptr) {
    // To a function that is observed it is a parameter, whatever else it is a value of.
    const Tensor& plain = observation_->note_parameter(*state, value);
    if (!holds(value)) source = plain;
  }
  if (seeing() == 0) return source;
  const std::uint32_t innermost = tapes_.back().first_value;
  const auto is_here = [&](const Tensor& variable) { return Access::node(variable)->number >= innermost; };
  for (std::size_t i = reads_.size(); i-- > 0;) {
    const ParameterRead& read = reads_[i];
    if (read.state != state || Access::node(read.source) != Access::node(value)) continue;
    // A tape that was paused then does not know how it came about.
    if (read.linked != ParameterRead::none && (seeing() & ~read.seen_by) != 0) continue;
    if (is_here(read.variable)) return read.variable;
    source = read.variable;
    break;
  }
  // What was assigned on this very tape is computed, not a leaf.
  if (holds(source) && is_here(source)) return source;
  const std::uint32_t linked = holds(source) ? Access::node(source)->number : ParameterRead::none;
  reads_.push_back({state, value, variable(source), linked, seeing()});
  return reads_.back().variable;
}

void List::mark_walked(Tensor& result, std::uint32_t tape) {
  if (holds(result)) return;
  if (Access::node(result)->references.load(std::memory_order_relaxed) != 1) result = Access::alias(result);
  Access::node(result)->serial = serial_ | TensorNode::walked;
  Access::node(result)->number = tape;
}

void List::pass_on_walked(std::span<const Tensor> inputs, std::span<Tensor> results) {
  if (observation_ != nullptr) observation_->note(inputs);
  const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const Tensor& input) { return is_walked(input); });
  if (found == inputs.end()) return;
  for (Tensor& result : results) mark_walked(result, Access::node(*found)->number);
}

void List::bypass(const Tensor& probabilities) {
  if (holds(probabilities)) bypassed_.push_back(Access::node(probabilities)->number);
}

bool List::bypassed(std::uint32_t number) const {
  return std::find(bypassed_.begin(), bypassed_.end(), number) != bypassed_.end();
}

}  // namespace wengert::detail
