#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/tracer.h>
#include <wengert/autograd/kernels/room.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using kernels::Program;
using kernels::Room;

constexpr std::size_t most_inputs = 16;

/// One output of a program alone.
Program only_output(const Program& program, std::size_t output) {
  Program result = program;
  result.outputs = {program.outputs[output]};
  return without_dead_code(result);
}

bool is_zero(const Program& program) {
  if (program.outputs[0] < program.leaves()) return false;
  const auto& instruction = program.instructions[program.outputs[0] - program.leaves()];
  return instruction.primitive == kernels::Primitive::constant && instruction.value == 0.0;
}

const char* expectation(Domain domain) {
  switch (domain) {
    case Domain::floating: return "f32 or f64";
    case Domain::numbers: return "numbers";
    case Domain::any: break;
  }
  return "any dtype";
}

bool in_domain(Domain domain, DType dtype) {
  return domain == Domain::any || is_floating(dtype) || (domain == Domain::numbers && dtype != DType::boolean);
}

DType compute_dtype(DType dtype) { return dtype == DType::u8 || dtype == DType::boolean ? DType::i32 : dtype; }

[[gnu::noinline]] void check_holds(DType dtype, const std::string& name, double number) {
  const bool is_small =
      number == std::trunc(number) && std::abs(number) < 0x1p31;  // all dtypes hold it: the usual case
  if (!is_small) static_cast<void>(detail::as_tensor(name, number, dtype));
}

/// Integers are computed with integers: throws for a number of the formula, or an attribute, that is none of them.
void check_are_integers(const std::string& name, const Program& program, const Attributes& attributes, DType dtype) {
  for (const kernels::Instruction& instruction : program.instructions) check_holds(dtype, name, instruction.value);
  for (const Attributes::Entry& entry : attributes.entries()) check_holds(dtype, name, std::get<double>(entry.value));
}

/// The checks and the result type that all pointwise operations share.
struct Typing {
  std::string name;
  const Program& program;  // the rule's own
  Domain domain;
  bool condition, boolean;

  void operator()(std::span<const Tensor> arguments, const Attributes& attributes,
                  std::span<TensorType> results) const {
    const auto node = [&](std::size_t i) -> const detail::TensorNode& { return detail::Access::checked(arguments[i]); };
    if (condition && arguments[0].dtype() != DType::boolean) {
      throw DTypeError(fmt::format("{}: the condition is {}; expected boolean (compare, or cast it)", name,
                                   name_of(arguments[0].dtype())));
    }
    const std::size_t first = condition ? 1 : 0;
    const DType dtype = node(first).dtype;
    if (!in_domain(domain, dtype)) {
      throw DTypeError(fmt::format("{}: the input is {}; expected {}; cast it first: cast(x, DType::f32)", name,
                                   name_of(dtype), expectation(domain)));
    }
    TensorType& type = results[0];
    type.dtype = boolean ? DType::boolean : dtype;
    type.shape = node(0).shape;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      if (i >= first) detail::require_one_dtype(name.c_str(), dtype, node(i).dtype);
      if (node(i).shape != type.shape) type.shape = broadcast_shapes(name.c_str(), type.shape, node(i).shape);
    }
    std::fill(results.begin() + 1, results.end(), type);
    if (!is_floating(dtype)) check_are_integers(name, program, attributes, compute_dtype(dtype));
  }
};

/// A formula's attributes are numbers, for which integers do.
void make_numbers(std::string_view name, std::vector<Attributes::Entry>& attributes) {
  for (Attributes::Entry& entry : attributes) {
    if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) entry.value = static_cast<double>(*integer);
    if (!std::holds_alternative<double>(entry.value)) {
      throw ValueError(fmt::format("{}: the attribute {} is no number; the formula takes numbers alone", name,
                                   to_string(Attributes{entry})));
    }
  }
}

void check_has_integers(std::string_view name, const Program& program) {
  for (const kernels::Instruction& instruction : program.instructions) {
    const kernels::Primitive primitive = instruction.primitive;
    if (primitive == kernels::Primitive::constant || kernels::find_primitive(primitive, DType::i32) != nullptr)
      continue;
    throw ValueError(fmt::format("{}: the formula takes {}, which integers do not have; expected Domain::floating",
                                 name, kernels::name_of(primitive)));
  }
}

/// For as many attributes as there may be; next to a tiny operation, clearing it would show.
using UniformRoom = double[most_inputs];  // NOLINT(*-avoid-c-arrays)

std::span<const double> uniforms_of(const Attributes& attributes, UniformRoom& room) {
  std::size_t count = 0;
  for (const Attributes::Entry& entry : attributes.entries()) room[count++] = std::get<double>(entry.value);
  return {room, count};
}

void run(const PointwiseRule& rule, bool condition, std::span<const Tensor> arguments, const Attributes& attributes,
         std::span<Tensor> results) {
  const Shape& shape = detail::Access::node(results[0])->shape;
  const std::int64_t total = shape.elements();
  static constexpr std::int64_t next = 1, same = 0;
  Room<kernels::PointwiseInput> inputs(arguments.size());
  Room<kernels::PointwiseOutput> outputs(results.size());
  UniformRoom uniforms;
  bool is_flat = true;  // every input has all elements of the result in order, or one
  for (const Tensor& argument : arguments) {
    const std::int64_t size = detail::Access::node(argument)->shape.elements();
    is_flat = is_flat && (size == total || size == 1);
  }
  Room<Ints> strides(is_flat ? 0 : arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const detail::TensorNode& node = *detail::Access::node(arguments[i]);
    const std::int64_t* steps = node.shape.elements() == total ? &next : &same;
    if (!is_flat) {
      strides.set(i, broadcast_strides(node.shape, shape));
      steps = strides.all()[i].begin();
    }
    inputs.set(i, {node.buffer->elements, node.dtype, steps, node.buffer->is_own()});
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const detail::TensorNode& node = *detail::Access::node(results[i]);
    outputs.set(i, {node.buffer->elements, node.dtype, node.buffer->is_own()});
  }
  rule.kernel().run(compute_dtype(arguments[condition ? 1 : 0].dtype()), inputs.all(),
                    uniforms_of(attributes, uniforms), outputs.all(),
                    is_flat ? std::span(&total, 1) : std::span(shape.begin(), shape.rank()));
}

const Tensor& argument(const Vjp& vjp, PointwiseRule::Argument which) {
  using Kind = PointwiseRule::Argument::Kind;
  if (which.kind == Kind::input) return vjp.input(which.number);
  return which.kind == Kind::output ? vjp.output(which.number) : vjp.dy(which.number);
}

/// The adjoint of an input, of the result's shape.
Tensor adjoint(const PointwiseRule::Derivative& derivative, const Vjp& vjp) {
  if (derivative.is_argument) return argument(vjp, derivative.arguments[0]);
  Room<detail::Borrowed> arguments(derivative.arguments.size());
  for (std::size_t i = 0; i < derivative.arguments.size(); ++i) {
    arguments.set(i, argument(vjp, derivative.arguments[i]));
  }
  return apply(derivative.operation, detail::Borrowed::tensors(arguments.all()), vjp.attributes());
}

Operation make(const Typing& typing, std::vector<Attributes::Entry> attributes,
               const std::shared_ptr<PointwiseRule>& rule, bool differentiable) {
  Operation operation;
  operation.name = typing.name;
  operation.attributes = std::move(attributes);
  operation.differentiable = differentiable;
  operation.inputs = typing.program.inputs;
  operation.outputs = typing.program.outputs.size();
  operation.infer = typing;
  operation.kernel = [rule, condition = typing.condition](std::span<const Tensor> arguments, const Attributes& given,
                                                          std::span<Tensor> results) {
    run(*rule, condition, arguments, given, results);
  };
  operation.pointwise = rule;
  if (!differentiable) return operation;
  operation.reads = rule->reads();
  operation.vjp = [rule = rule.get(), condition = typing.condition](const Vjp& vjp) {
    for (std::size_t i = condition ? 1 : 0; i < vjp.inputs(); ++i) {
      if (!vjp.needs(i)) continue;
      const PointwiseRule::Derivative& derivative = rule->derivative(vjp.operation(), i);
      if (derivative.is_zero) continue;
      Tensor result = adjoint(derivative, vjp);
      if (detail::Access::node(result)->shape != vjp.input_shape(i)) result = sum_to(result, vjp.input_shape(i));
      vjp.set(i, std::move(result));
    }
  };
  return operation;
}

}  // namespace

PointwiseRule::PointwiseRule(Program program, kernels::NativePointwise native, std::vector<Program> derivatives,
                             bool reads_outputs, bool is_of_one_dtype)
    : kernel_(std::move(program), native),
      derivatives_(std::move(derivatives)),
      reads_outputs_(reads_outputs),
      most_elements_{is_of_one_dtype ? kernel_.most_plain_elements(DType::f32) : 0,
                     is_of_one_dtype ? kernel_.most_plain_elements(DType::f64) : 0},
      slots_(kernel_.program().inputs) {}

bool PointwiseRule::call(std::span<const Tensor> arguments, const Attributes& attributes,
                         std::span<Tensor> results) const {
  const auto node = [&](std::size_t i) -> const detail::TensorNode& { return *detail::Access::node(arguments[i]); };
  const detail::TensorNode* widest = &node(0);
  for (std::size_t i = 1; i < arguments.size() && widest->shape.elements() == 1; ++i) {
    if (node(i).shape.elements() != 1) widest = &node(i);
  }
  const DType dtype = widest->dtype;
  const Shape& shape = widest->shape;
  const std::int64_t elements = shape.elements();
  if (!is_floating(dtype) || elements == 0 || elements > most_elements_[dtype == DType::f32 ? 0 : 1]) return false;
  kernels::TileSlots slots;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const detail::TensorNode& argument = node(i);
    if (argument.dtype != dtype || !argument.buffer->is_own()) return false;
    const bool is_whole = &argument == widest || argument.shape == shape;
    if (!is_whole && (argument.shape.elements() != 1 || argument.shape.rank() > shape.rank())) return false;
    slots.set(i, argument.buffer->elements, is_whole);
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i] = detail::Access::make(dtype, shape);
    slots.set(arguments.size() + i, detail::Access::elements(results[i]));
  }
  UniformRoom uniforms;
  kernel_.run_plain(dtype, slots, uniforms_of(attributes, uniforms), elements);
  return true;
}

Program PointwiseRule::derivative_program(std::size_t input) const {
  return derivatives_.empty() ? only_output(differentiate(program(), reads_outputs_), input) : derivatives_[input];
}

Reads PointwiseRule::reads() const {
  // The derivative of a derivative is made when it is asked for, and reads no outputs.
  if (!reads_outputs_) return {.inputs = Reads::all, .outputs = 0};
  Reads result;
  for (std::size_t i = 0; i < program().inputs; ++i) {
    for (const std::uint16_t argument : only_used_inputs(derivative_program(i)).second) {
      if (argument < program().inputs) {
        result.inputs |= std::uint32_t{1} << argument;
      } else if (argument < program().inputs + program().outputs.size()) {
        result.outputs |= std::uint32_t{1} << (argument - program().inputs);
      }
    }
  }
  return result;
}

PointwiseRule::Argument PointwiseRule::argument(std::size_t number) const {
  if (number < program().inputs) return {Argument::Kind::input, number};
  number -= program().inputs;
  const std::size_t outputs_read = reads_outputs_ ? program().outputs.size() : 0;
  return number < outputs_read ? Argument{Argument::Kind::output, number}
                               : Argument{Argument::Kind::adjoint, number - outputs_read};
}

const PointwiseRule::Derivative& PointwiseRule::make_derivative(const Operation& owner, std::size_t input) const {
  Slot& slot = slots_[input];
  std::call_once(slot.once, [&] {
    const Program full = derivative_program(input);
    auto [program, arguments] = only_used_inputs(full);
    auto derivative = std::make_unique<Derivative>();
    derivative->is_zero = is_zero(program);
    derivative->is_argument = program.instructions.empty() && program.outputs[0] < program.inputs;
    const bool condition = !arguments.empty() && arguments[0] == 0 && owner.condition;
    if (!derivative->is_zero) {
      auto rule = std::make_shared<PointwiseRule>(std::move(program), kernels::NativePointwise{},
                                                  std::vector<Program>{}, false, !condition);
      const Typing typing{fmt::format("{}'{}", owner.name, input), rule->program(), Domain::floating, condition, false};
      derivative->operation = make(typing, owner.attributes, rule, true);
      derivative->operation.condition = condition;
      derivative->operation.kinks = owner.kinks;
    }
    for (const std::uint16_t number : arguments) derivative->arguments.push_back(argument(number));
    slot.derivative = std::move(derivative);
    slot.made.store(slot.derivative.get(), std::memory_order_release);
  });
  return *slot.derivative;
}

DType detail::pointwise_compute_dtype(const Operation& operation, std::span<const Tensor> inputs) {
  return compute_dtype(inputs[operation.condition ? 1 : 0].dtype());
}

Operation pointwise(std::string_view name, PointwiseDefinition definition) {
  if (!definition.formula) throw ValueError(fmt::format("{}: the definition has no formula", name));
  make_numbers(name, definition.attributes);
  const std::size_t uniforms = definition.attributes.size();
  Program program = trace(definition.formula, uniforms);
  if (definition.domain != Domain::floating) check_has_integers(name, program);
  const std::size_t inputs = program.inputs;
  if (inputs + 2 * program.outputs.size() > most_inputs || inputs == 0) {
    throw ValueError(fmt::format(
        "{}: {} inputs and {} results; expected one input or more, and up to {} of inputs and, twice, results", name,
        inputs, program.outputs.size(), most_inputs));
  }
  if (uniforms > most_inputs)
    throw ValueError(fmt::format("{}: {} attributes; expected up to {}", name, uniforms, most_inputs));
  std::vector<Program> derivatives;
  if (definition.derivative) {
    const Program all = trace(definition.derivative, uniforms);
    const std::size_t expected = inputs + 2 * program.outputs.size();
    if (all.inputs != expected || all.outputs.size() != inputs) {
      throw ValueError(
          fmt::format("{}: the derivative takes {} and gives {} numbers; expected {} (inputs, outputs, adjoints) "
                      "and {} (one per input)",
                      name, all.inputs, all.outputs.size(), expected, inputs));
    }
    for (std::size_t i = 0; i < inputs; ++i) derivatives.push_back(only_output(all, i));
  }
  auto rule = std::make_shared<PointwiseRule>(std::move(program), definition.native, std::move(derivatives), true,
                                              !definition.condition && !definition.boolean);
  const Typing typing{std::string(name), rule->program(), definition.domain, definition.condition, definition.boolean};
  Operation operation =
      make(typing, std::move(definition.attributes), rule, definition.differentiable && !definition.boolean);
  operation.documentation = std::move(definition.documentation);
  operation.category = definition.category;
  operation.condition = definition.condition;
  operation.kinks = std::move(definition.kinks);
  operation.samples = definition.samples;
  return operation;
}

Operation detail::truth(const char* name, Formula formula, std::vector<Sample> (*samples)()) {
  return pointwise(name, {.category = Category::comparison,
                          .formula = std::move(formula),
                          .domain = Domain::any,
                          .boolean = true,
                          .samples = samples});
}

}  // namespace wengert
