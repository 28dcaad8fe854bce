#include <algorithm>
#include <charconv>
#include <cstring>
#include <mutex>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/operand.h>
#include <wengert/autograd/operation.h>

namespace wengert {
namespace {

using detail::Access;
using detail::List;

/// The given value where the definition has another of its kind; integers do for numbers.
AttributeValue fitting(const Operation& operation, const Attributes::Entry& given, const AttributeValue& known) {
  if (given.value.index() == known.index()) return given.value;
  const auto* integer = std::get_if<std::int64_t>(&given.value);
  if (integer != nullptr && std::holds_alternative<double>(known)) return static_cast<double>(*integer);
  throw ValueError(fmt::format("{}: attribute {} is of another kind; its default is {}", operation.name,
                               to_string(Attributes{given}), to_string(Attributes{{given.name, known}})));
}

/// Whether the attributes are those of the definition, in its order.
bool are_complete(const Operation& operation, const Attributes& given) {
  // The names are the definition's own literals, or they are exchanged for these: a record outlives what it was given.
  const auto& known = operation.attributes;
  if (given.empty()) return known.empty();
  const auto is_same = [](const Attributes::Entry& a, const Attributes::Entry& b) {
    return a.name == b.name && a.value.index() == b.value.index();
  };
  return std::equal(known.begin(), known.end(), given.begin(), given.end(), is_same);
}

bool any_floating(std::span<const Tensor> tensors) {
  for (const Tensor& tensor : tensors) {
    if (is_floating(Access::checked(tensor).dtype)) return true;
  }
  return false;
}

/// A result made of other operations, of the type that was inferred.
Tensor evaluate(const Operation& operation, std::span<const Tensor> inputs, const Attributes& attributes,
                const TensorType& type) {
  // A capture does see the parts: it has no need of the rule, and can do more with them.
  const List::Pause pause(detail::thread_list(), List::Pause::everyone);
  Tensor result = operation.evaluate(inputs, attributes);
  const detail::TensorNode& node = Access::checked(result);
  if (node.dtype != type.dtype || node.shape != type.shape) {
    throw ValueError(fmt::format("{}: evaluate gives {} {}; infer says {} {}", operation.name, name_of(node.dtype),
                                 to_string(node.shape), name_of(type.dtype), to_string(type.shape)));
  }
  // A record needs results of its own: what was merely passed on gets a new handle on the same elements.
  const bool is_input = std::any_of(inputs.begin(), inputs.end(),
                                    [&](const Tensor& input) { return Access::node(input) == Access::node(result); });
  if (is_input || Access::node(result)->references.load(std::memory_order_relaxed) != 1) return Access::alias(result);
  return result;
}

[[gnu::noinline]] void compute(const Operation& operation, std::span<const Tensor> inputs, const Attributes& attributes,
                               std::span<Tensor> results) {
  TensorType only;
  kernels::PoolVector<TensorType> many(results.size() > 1 ? results.size() : 0);
  const std::span<TensorType> types = many.empty() ? std::span(&only, 1) : std::span(many);
  operation.infer(inputs, attributes, types);
  if (operation.evaluate) {
    results[0] = evaluate(operation, inputs, attributes, types[0]);
    return;
  }
  const Uncompiled uncaptured;
  for (std::size_t i = 0; i < results.size(); ++i) results[i] = Access::make(types[i].dtype, types[i].shape);
  operation.kernel(inputs, attributes, results);
}

void require(bool given, std::string_view name, const char* what) {
  if (!given) throw ValueError(fmt::format("operation '{}' is defined without {}", name, what));
}

/// Registered by users; the library's own stand in the generated table.
struct Registry {
  std::mutex mutex;
  std::vector<const Operation*> operations;
};
Registry& registry() {
  static Registry instance;
  return instance;
}

/// The registry's mutex is held.
const Operation* find_registered(std::string_view name) {
  for (const Operation* operation : registry().operations) {
    if (operation->name == name) return operation;
  }
  return nullptr;
}

const Operation* find_defined(std::string_view name) {
  for (const detail::CatalogueEntry& entry : detail::builtin_operations()) {
    if (entry.name == name) return &entry.operation();
  }
  const std::lock_guard lock(registry().mutex);
  return find_registered(name);
}

/// By attributes that are complete.
std::size_t count_results(const Operation& operation, const Attributes& attributes) {
  return operation.count_outputs ? operation.count_outputs(attributes) : operation.outputs;
}

[[noreturn]] void refuse_inputs(const Operation& operation, std::span<const Tensor> inputs) {
  throw ValueError(operation.inputs == 0 ? fmt::format("{}: no tensors given; expected one or more", operation.name)
                                         : fmt::format("{}: {} inputs given; expected {}", operation.name,
                                                       inputs.size(), operation.inputs));
}

[[noreturn]] void refuse_view(const std::string& name, const TensorType& from, const TensorType& to) {
  throw ValueError(fmt::format("{}: gives no view within {} {} for {} {}; expected one, or a kernel", name,
                               name_of(from.dtype), to_string(from.shape), name_of(to.dtype), to_string(to.shape)));
}

[[noreturn]] void refuse_results(const Operation& operation, const Attributes& attributes,
                                 std::span<const Tensor> results) {
  throw ValueError(fmt::format("{}: has {} results; {} asked for", operation.name, count_results(operation, attributes),
                               results.size()));
}

}  // namespace

Attributes Operation::completed(const Attributes& given) const {
  kernels::PoolVector<Attributes::Entry> entries(attributes.begin(), attributes.end());
  for (const Attributes::Entry& entry : given) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Attributes::Entry& candidate) {
      return std::strcmp(candidate.name, entry.name) == 0;
    });
    if (found == entries.end()) {
      throw ValueError(
          fmt::format("{}: unknown attribute '{}'; known: {}", name, entry.name, to_string(Attributes(attributes))));
    }
    found->value = fitting(*this, entry, found->value);
  }
  return Attributes(entries);
}

std::size_t Operation::results(const Attributes& given) const {
  return count_results(*this, are_complete(*this, given) ? given : completed(given));
}

void Vjp::refuse(const char* what, std::size_t i) const {
  throw ValueError(fmt::format("{}: its vjp reads {} {}, which `reads` does not declare", operation_.name, what, i));
}

Vjp::Place& Vjp::place(std::span<Place> places, const char* what, std::size_t i) const {
  if (i < places.size()) return places[i];
  throw ValueError(fmt::format("{}: its vjp asks for {} {}; there are {}", operation_.name, what, i, places.size()));
}

const Shape& Vjp::input_shape(std::size_t i) const { return place(inputs_, "input", i).value->shape; }
DType Vjp::input_dtype(std::size_t i) const { return place(inputs_, "input", i).value->dtype; }
const Shape& Vjp::output_shape(std::size_t i) const { return place(outputs_, "output", i).value->shape; }
bool Vjp::needs(std::size_t i) const { return place(inputs_, "input", i).is_needed; }
void Vjp::set(std::size_t i, Tensor adjoint) const { place(inputs_, "input", i).adjoint = std::move(adjoint); }

const Tensor& Vjp::dy(std::size_t i) const {
  Place& output = place(outputs_, "output", i);
  if (!output.adjoint.defined()) output.adjoint = zeros(output.value->shape, output.value->dtype);
  return output.adjoint;
}

void apply(const Operation& operation, std::span<const Tensor> inputs, const Attributes& attributes,
           std::span<Tensor> results) {
  for (const Tensor& input : inputs) static_cast<void>(Access::checked(input));
  if (operation.inputs == 0 ? inputs.empty() : inputs.size() != operation.inputs) refuse_inputs(operation, inputs);
  if (!are_complete(operation, attributes)) {
    return apply(operation, inputs, operation.completed(attributes), results);
  }
  if (results.size() != count_results(operation, attributes)) refuse_results(operation, attributes, results);
  if (operation.compose) {
    results[0] = operation.compose(inputs, attributes);
    return;
  }
  // Next to a tiny operation, what is seldom done would show if it were done here.
  if (operation.pointwise == nullptr || !operation.pointwise->call(inputs, attributes, results)) {
    compute(operation, inputs, attributes, results);
  }
  List& list = detail::thread_list();
  if (list.recording()) {
    if (list.holds_any(inputs) && (list.keeps_all() || (operation.differentiable && any_floating(results)))) {
      list.record(operation, attributes, inputs, results);
    } else if (operation.differentiable) {
      list.pass_on_walked(inputs, results);
    }
  }
  if (detail::Capture* capture = detail::Capture::current()) capture->record(operation, attributes, inputs, results);
}

Tensor apply(const Operation& operation, std::span<const Tensor> inputs, const Attributes& attributes) {
  Tensor result;
  apply(operation, inputs, attributes, {&result, 1});
  return result;
}

Tensor apply(const Operation& operation, std::initializer_list<detail::Borrowed> inputs, const Attributes& attributes) {
  Tensor result;
  apply(operation, detail::Borrowed::tensors({inputs.begin(), inputs.size()}), attributes, {&result, 1});
  return result;
}

Tensor detail::as_tensor(const std::string& operation, const Operand& operand, DType dtype) {
  try {
    return operand.as(dtype);
  } catch (const DTypeError& error) {
    throw DTypeError(fmt::format("{}: {}", operation, error.what()));
  }
}

Tensor detail::apply_binary(const Operation& operation, const Operand& a, const Operand& b) {
  if (a.is_number() && b.is_number()) {
    throw ValueError(fmt::format("{}: both operands are numbers; expected a tensor on one side", operation.name));
  }
  if (a.is_number()) return apply(operation, {as_tensor(operation.name, a, b.tensor().dtype()), b.tensor()});
  if (b.is_number()) return apply(operation, {a.tensor(), as_tensor(operation.name, b, a.tensor().dtype())});
  return apply(operation, {a.tensor(), b.tensor()});
}

Operation::~Operation() = default;
PointwiseDefinition::~PointwiseDefinition() = default;
Sample::~Sample() = default;

Operation primitive(std::string_view name, Operation definition) {
  definition.name = name;
  if (definition.reduces) {
    definition.kernel = [rule = *definition.reduces](auto inputs, const Attributes& attributes, auto results) {
      detail::reduce(rule.reduction, inputs[0], rule.axes(inputs[0].shape(), attributes), results[0]);
    };
  }
  if (definition.view != nullptr && !definition.kernel) {
    definition.kernel = [name = definition.name, view = definition.view](auto inputs, const Attributes& attributes,
                                                                         auto results) {
      const TensorType from{inputs[0].dtype(), inputs[0].shape()}, to{results[0].dtype(), results[0].shape()};
      const std::optional<View> given = view(from.shape, to.shape, attributes);
      if (!given || from.dtype != to.dtype || !detail::is_view(*given, from.shape, to.shape))
        refuse_view(name, from, to);
      detail::copy_view(*given, inputs[0], results[0]);
    };
  }
  require(static_cast<bool>(definition.infer), name, "a shape rule (infer)");
  require(definition.kernel || definition.evaluate, name, "a kernel (kernel, evaluate or view)");
  require(definition.view == nullptr || (definition.inputs == 1 && definition.outputs == 1), name,
          "one input and one result, for its view");
  require(definition.vjp || !definition.differentiable, name, "a vjp, though it is differentiable");
  return definition;
}

Operation composed(std::string_view name, Operation definition) {
  require(static_cast<bool>(definition.compose), name, "a function (compose)");
  definition.name = name;
  return definition;
}

void register_operation(const Operation& operation) {
  if (operation.name.empty()) throw ValueError("register_operation: the operation has no name");
  const bool is_known = find_operation(operation.name) != nullptr;  // of which derivatives may be made, without a lock
  const std::lock_guard lock(registry().mutex);
  if (is_known || find_registered(operation.name) != nullptr) {
    throw ValueError(fmt::format("register_operation: the name '{}' is taken", operation.name));
  }
  registry().operations.push_back(&operation);
}

const Operation* find_operation(std::string_view name) {
  const std::size_t quote = name.rfind('\'');
  if (quote == std::string_view::npos) return find_defined(name);
  const Operation* base = find_operation(name.substr(0, quote));
  std::size_t input = 0;
  const std::string_view number = name.substr(quote + 1);
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), input);
  if (base == nullptr || base->pointwise == nullptr || parsed.ec != std::errc{} ||
      parsed.ptr != number.data() + number.size() || input >= base->pointwise->program().inputs) {
    return nullptr;
  }
  const auto& derivative = base->pointwise->derivative(*base, input);
  return derivative.is_zero || derivative.is_argument ? nullptr : &derivative.operation;
}

std::vector<const Operation*> catalogue() {
  std::vector<const Operation*> result;
  for (const detail::CatalogueEntry& entry : detail::builtin_operations()) result.push_back(&entry.operation());
  const std::lock_guard lock(registry().mutex);
  result.insert(result.end(), registry().operations.begin(), registry().operations.end());
  return result;
}

Operation detail::documented(std::string_view name, Operation definition) {
  for (const CatalogueEntry& entry : builtin_operations()) {
    if (entry.name == name) definition.documentation = entry.documentation;
  }
  return definition;
}

DType detail::number_dtype(const char* operation, DType dtype) {
  if (dtype == DType::boolean) {
    throw DTypeError(
        fmt::format("{}: the input is boolean; expected numbers; cast it first: cast(x, DType::i32)", operation));
  }
  return dtype;
}

void detail::require_one_dtype(const char* operation, DType a, DType b) {
  if (a == b) return;
  throw DTypeError(
      fmt::format("{}: inputs are {} and {}; expected one dtype; cast one of them", operation, name_of(a), name_of(b)));
}

DType detail::floating_dtype(const char* operation, DType dtype) {
  if (!is_floating(dtype)) {
    throw DTypeError(fmt::format("{}: the input is {}; expected f32 or f64; cast it first: cast(x, DType::f32)",
                                 operation, name_of(dtype)));
  }
  return dtype;
}

std::size_t detail::axis_of(const char* operation, const Shape& shape, const Attributes& attributes) {
  return normalize_axis(operation, attributes.integer("axis"), shape.rank());
}

}  // namespace wengert
