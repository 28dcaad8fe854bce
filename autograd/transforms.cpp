#include <algorithm>
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

using States = std::vector<Observation::State>;

/// While it lives, parameters and slots hold what they held when they were first read.
class AsAtFirst {
 public:
  explicit AsAtFirst(const States& states) : now_(states) {
    for (Observation::State& state : now_) state.value = read_state(state.state);
    set(states);
  }
  ~AsAtFirst() { set(now_); }
  AsAtFirst(const AsAtFirst&) = delete;
  AsAtFirst& operator=(const AsAtFirst&) = delete;

 private:
  static void set(const States& states) {
    for (const Observation::State& state : states) {
      const bool differs = state.value.defined() && Access::node(read_state(state.state)) != Access::node(state.value);
      if (differs) assign_state(state.state, state.value);
    }
  }

  States now_;
};

/// A call whose parts no tape saw, though it took of theirs x and these parameters.
struct Call {
  Tensor result;
  States states;
  std::vector<std::shared_ptr<ParameterState>> parameters;
};

Call call_unseen(List& list, const char* name, const Function& f, const Tensor& x) {
  Observation observation(list);
  // Another handle: f is to take x for what it is, not for what x was computed from (the logits of probabilities).
  const Tensor result = f(Access::alias(x));
  observation.note({&result, 1});
  if (!observation.variables().empty()) {
    const Tensor& first = observation.variables().front();
    throw GradientError(fmt::format(
        "{}: the function uses a variable, {} {}, that is not its argument, and its derivative would be lost; make it "
        "(a part of) the argument, or take it with stop_gradient",
        name, name_of(first.dtype()), to_string(first.shape())));
  }
  Call call{Access::alias(result), std::move(observation.states()), {}};
  for (const Observation::State& state : call.states) {
    if (state.is_parameter) call.parameters.push_back(state.state);
  }
  return call;
}

/// Makes the result one record's, if tapes see an input.
Tensor record(List& list, const char* name, Reads reads, std::span<const Tensor> inputs, Tensor result,
              std::function<void(const Vjp&)> vjp) {
  const auto is_seen = [&](const Tensor& input) { return list.holds(input); };
  if (!is_floating(result.dtype()) || std::none_of(inputs.begin(), inputs.end(), is_seen)) {
    list.pass_on_walked(inputs, {&result, 1});
    return result;
  }
  const auto operation = std::make_shared<Operation>();
  operation->name = name;
  operation->reads = reads;
  operation->inputs = inputs.size();
  operation->vjp = std::move(vjp);
  list.record(operation, inputs, {&result, 1});
  return result;
}

/// The same x, but in a program a value that nobody has computed with before its adjoint is known: f's parts would be
/// found to be there already.
Tensor again(const Tensor& x, const Tensor& dy) {
  if (Capture::current() == nullptr || dy.size() == 0) return x;
  return where(isnan(slice(reshape(dy, {-1}), {0}, {1})), x, x);
}

/// The vector–Jacobian product of a call, by another one.
void call_again(const Function& f, const Call& call, const Vjp& v) {
  // A walk that no other tape sees leaves nothing behind.
  std::optional<ListAside> aside;
  if (!thread_list().recording()) aside.emplace();
  const AsAtFirst as_at_first(call.states);
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
  std::vector<Tensor> variables;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < v.inputs(); ++i) {
    if (!v.needs(i)) continue;
    variables.push_back(i == 0 ? x : thread_list().read(call.parameters[i - 1]));
    places.push_back(i);
  }
  std::vector<Tensor> adjoints = tape.gradient(y, variables, v.dy());
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
  List& list = thread_list();
  if (!list.recording()) return Access::alias(f(Access::alias(x)));
  Call call = call_unseen(list, "checkpoint", f, x);
  std::vector<Tensor> inputs{x};
  for (const auto& parameter : call.parameters) inputs.push_back(list.read(parameter));
  Tensor result = std::move(call.result);
  return record(list, "checkpoint", {.inputs = 1}, inputs, std::move(result),
                [f, call = std::move(call)](const Vjp& v) { call_again(f, call, v); });
}

Tensor custom_vjp(const Function& f, const Rule& rule, const Tensor& x) {
  List& list = thread_list();
  if (!list.recording()) return Access::alias(f(Access::alias(x)));
  Call call = call_unseen(list, "custom_vjp", f, x);
  if (!call.parameters.empty()) {
    throw GradientError(fmt::format(
        "custom_vjp: the function reads parameter '{}', of which its rule gives no derivative; read it outside, with "
        "stop_gradient, or make it the argument",
        call.parameters.front()->name));
  }
  return record(list, "custom_vjp", {.inputs = 1, .outputs = 1}, {&x, 1}, std::move(call.result),
                [rule](const Vjp& v) { v.set(0, rule(v.input(), v.output(), v.dy())); });
}

}  // namespace wengert::detail
