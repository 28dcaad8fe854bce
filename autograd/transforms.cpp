#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/observation.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/transforms.h>

namespace wengert::detail {
namespace {

/// A call whose parts no tape saw, though it took of theirs x and these parameters.
struct Call {
  Tensor result;
  HostState host;
  std::vector<Parameter> parameters;
};

/// While it lives, a function finds on the host what it found at first.
class AsAtFirst {
 public:
  explicit AsAtFirst(const HostState& first) : now_(first.now()) { first.restore(); }
  ~AsAtFirst() { now_.restore(); }
  AsAtFirst(const AsAtFirst&) = delete;
  AsAtFirst& operator=(const AsAtFirst&) = delete;

 private:
  HostState now_;
};

/// Where nobody sees it. Other handles, as everywhere: f takes x for what it is, not for what x was computed from (the
/// logits of probabilities), and its result is one of its own.
Tensor call_freely(const Function& f, const Tensor& x) { return Access::alias(f(Access::alias(x))); }

Call call_unseen(const char* name, const Function& f, const Tensor& x) {
  Observation observation;
  const Tensor result = f(Access::alias(x));
  static_cast<void>(Access::checked(result));
  observation.note({&result, 1});
  if (const Tensor& variable = observation.variable(); variable.defined()) {
    throw GradientError(fmt::format(
        "{}: the function uses a variable, {} {}, that is not its argument, and its derivative would be lost; make it "
        "(a part of) the argument, or take stop_gradient of it before",
        name, name_of(variable.dtype()), to_string(variable.shape())));
  }
  Call call{Access::alias(result), std::move(observation.host()), {}};
  for (const HostState::Held& use : call.host.held) {
    if (use.plain.defined()) call.parameters.push_back(Access::parameter(use.state));
  }
  return call;
}

/// Makes the result one record's, if tapes see an input.
Tensor record(const char* name, Reads reads, std::span<const Tensor> inputs, Tensor result,
              std::function<void(const Vjp&)> vjp) {
  List& list = thread_list();
  if (!is_floating(result.dtype()) || !list.holds_any(inputs)) {
    list.pass_on_walked(inputs, {&result, 1});
    return result;
  }
  const auto operation = std::make_shared<Operation>();
  operation->name = name;
  operation->reads = reads;
  operation->inputs = inputs.size();
  operation->vjp = std::move(vjp);
  operation->infer = [name](auto...) {
    throw ValueError(fmt::format("{}: this operation was made for one call, and cannot be applied to others", name));
  };
  list.record(operation, inputs, {&result, 1});
  return result;
}

/// x, but in a program a value that is not there before `after`, of x's dtype and with one element, is.
const Operation& later_operation() {
  static const Operation operation =
      pointwise("later", {.formula = [](Scalar x, Scalar /*after*/) { return x; }, .domain = Domain::any});
  return operation;
}

/// The argument of a second call. A program would find all of the call to be there already, but for this.
Tensor again(const Tensor& x, const Tensor& dy) {
  if (Capture::current() == nullptr || dy.size() == 0) return x;
  const Tensor first = reshape(slice(reshape(dy, {-1}), {0}, {1}), Ints{});
  return apply(later_operation(), {x, cast(isnan(first), x.dtype())});
}

/// The vector–Jacobian product of a call, by another one.
void call_again(const Function& f, const Call& call, const Vjp& v) {
  // A walk that no other tape sees leaves nothing behind.
  std::optional<ListAside> aside;
  if (!thread_list().recording()) aside.emplace();
  const AsAtFirst as_at_first(call.host);
  Tape tape;
  Tensor x = again(v.input(), v.dy());
  x = is_floating(x.dtype()) ? tape.watch(x) : Access::alias(x);
  const Tensor y = f(x);
  const Tensor& dy = v.dy();
  if (y.shape() != dy.shape() || y.dtype() != dy.dtype()) {
    throw GradientError(fmt::format("checkpoint: the function gave {} {} at first, and {} {} when it was called again",
                                    name_of(dy.dtype()), to_string(dy.shape()), name_of(y.dtype()),
                                    to_string(y.shape())));
  }
  std::vector<Variable> variables;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < v.inputs(); ++i) {
    if (!v.needs(i)) continue;
    variables.push_back(i == 0 ? Variable(x) : Variable(call.parameters[i - 1]));
    places.push_back(i);
  }
  std::vector<Tensor> adjoints = tape.gradient(y, std::span<const Variable>(variables), dy);
  for (std::size_t i = 0; i < places.size(); ++i) v.set(places[i], std::move(adjoints[i]));
}

}  // namespace

Tensor jacobian(Tape& tape, const Tensor& y, const Tensor& variable) {
  Ints extents(y.shape());
  for (const std::int64_t extent : variable.shape()) extents.push_back(extent);
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const Tensor unit = embed(ones({1}, y.dtype()), {y.size()}, {i});
    rows.push_back(tape.gradient(y, variable, reshape(unit, Ints(y.shape()))));
  }
  return rows.empty() ? zeros(Shape(extents), variable.dtype()) : reshape(stack(rows), extents);
}

Tensor checkpoint(const Function& f, const Tensor& x) {
  if (!thread_list().recording()) return call_freely(f, x);
  Call call = call_unseen("checkpoint", f, x);
  std::vector<Tensor> inputs{x};
  {
    const AsAtFirst as_at_first(call.host);
    inputs.insert(inputs.end(), call.parameters.begin(), call.parameters.end());
  }
  Tensor result = std::move(call.result);
  return record("checkpoint", {.inputs = 1}, inputs, std::move(result),
                [f, call = std::move(call)](const Vjp& v) { call_again(f, call, v); });
}

Tensor custom_vjp(const Function& f, const Rule& rule, const Tensor& x) {
  if (!thread_list().recording()) return call_freely(f, x);
  Call call = call_unseen("custom_vjp", f, x);
  if (!call.parameters.empty()) {
    throw GradientError(fmt::format(
        "custom_vjp: the function reads parameter '{}', of which its rule gives no derivative; read it outside, with "
        "stop_gradient, or make it the argument",
        call.parameters.front().name()));
  }
  return record("custom_vjp", {.inputs = 1, .outputs = 1}, {&x, 1}, std::move(call.result), [rule](const Vjp& v) {
    Tensor dx = rule(Access::same_value(v.input()), v.output(), v.dy());
    if (!dx.defined()) throw GradientError("custom_vjp: the rule gave an undefined tensor");
    v.set(0, std::move(dx));
  });
}

}  // namespace wengert::detail
