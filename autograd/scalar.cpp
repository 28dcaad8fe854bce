#include <algorithm>
#include <bit>
#include <limits>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/tracer.h>
#include <wengert/autograd/scalar.h>

namespace wengert {

using kernels::Instruction;
using kernels::Primitive;
using kernels::Program;

namespace {

thread_local Tracer* current_tracer = nullptr;

bool same(const Instruction& a, const Instruction& b) {
  // Literals are compared by their bits: 0 and −0 differ, NaN equals itself.
  return a.primitive == b.primitive && a.a == b.a && a.b == b.b && a.c == b.c &&
         std::bit_cast<std::uint64_t>(a.value) == std::bit_cast<std::uint64_t>(b.value);
}

}  // namespace

Tracer::Tracer(std::size_t inputs, std::size_t uniforms) : outer_(current_tracer) {
  program_.inputs = static_cast<std::uint16_t>(inputs);
  program_.uniforms = static_cast<std::uint16_t>(uniforms);
  current_tracer = this;
}

Tracer::~Tracer() { current_tracer = outer_; }

Tracer& Tracer::current() {
  if (current_tracer == nullptr) {
    throw ValueError("a Scalar was used outside of a formula; it exists only while a pointwise operation is defined");
  }
  return *current_tracer;
}

std::uint16_t Tracer::emit(const Instruction& instruction) {
  auto& list = program_.instructions;
  const auto first = program_.leaves();
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const Instruction& other) { return same(instruction, other); });
  const auto value = first + static_cast<std::size_t>(found - list.begin());
  if (value > std::numeric_limits<std::uint16_t>::max())
    throw ValueError("the formula is too long: more than 65535 values");
  if (found == list.end()) list.push_back(instruction);
  return static_cast<std::uint16_t>(value);
}

Scalar Tracer::emit(Primitive primitive, Scalar a, Scalar b, Scalar c) {
  return at(emit(Instruction{primitive, a.value(), b.value(), c.value()}));
}
Scalar Tracer::emit(Primitive primitive, Scalar a, Scalar b) {
  return at(emit(Instruction{primitive, a.value(), b.value()}));
}
Scalar Tracer::emit(Primitive primitive, Scalar a) { return at(emit(Instruction{primitive, a.value()})); }

Program Tracer::finish(const std::vector<Scalar>& outputs) const {
  Program program = program_;
  for (const Scalar output : outputs) program.outputs.push_back(output.value());
  return without_dead_code(program);
}

Program without_dead_code(const Program& program) {
  const auto first = program.leaves();
  const kernels::Flags live = kernels::needed_values(program);
  Program result{program.inputs, program.uniforms, {}, {}};
  std::vector<std::uint16_t> renumbered(live.size());
  for (std::size_t value = 0; value < live.size(); ++value) {
    if (value < first) {
      renumbered[value] = static_cast<std::uint16_t>(value);
    } else if (live[value] != 0) {
      Instruction instruction = program.instructions[value - first];
      kernels::for_operands(instruction, [&](std::uint16_t& operand) { operand = renumbered[operand]; });
      renumbered[value] = static_cast<std::uint16_t>(first + result.instructions.size());
      result.instructions.push_back(instruction);
    }
  }
  for (const std::uint16_t output : program.outputs) result.outputs.push_back(renumbered[output]);
  return result;
}

std::pair<Program, std::vector<std::uint16_t>> only_used_inputs(const Program& program) {
  std::vector<bool> used(program.inputs, false);
  const auto mark = [&](std::uint16_t value) {
    if (value < program.inputs) used[value] = true;
  };
  for (const Instruction& instruction : program.instructions) kernels::for_operands(instruction, mark);
  std::for_each(program.outputs.begin(), program.outputs.end(), mark);

  std::vector<std::uint16_t> kept, renumbered(program.inputs, 0);
  for (std::uint16_t i = 0; i < program.inputs; ++i) {
    renumbered[i] = static_cast<std::uint16_t>(kept.size());
    if (used[i]) kept.push_back(i);
  }
  const auto dropped = static_cast<std::uint16_t>(program.inputs - kept.size());
  const auto renumber = [&](std::uint16_t value) {
    return value < program.inputs ? renumbered[value] : static_cast<std::uint16_t>(value - dropped);
  };
  Program result = program;
  result.inputs = static_cast<std::uint16_t>(kept.size());
  for (Instruction& instruction : result.instructions) {
    kernels::for_operands(instruction, [&](std::uint16_t& operand) { operand = renumber(operand); });
  }
  std::transform(result.outputs.begin(), result.outputs.end(), result.outputs.begin(), renumber);
  return {result, kept};
}

Program trace(const Formula& formula, std::size_t uniforms) {
  if (formula.parameters() < uniforms) throw ValueError("the formula has fewer parameters than there are attributes");
  const std::size_t inputs = formula.parameters() - uniforms;
  Tracer tracer(inputs, uniforms);
  std::vector<Scalar> arguments;
  for (std::size_t i = 0; i < formula.parameters(); ++i) arguments.push_back(tracer.input(i));
  return tracer.finish(formula(arguments));
}

Scalar::Scalar(double value) : value_(Tracer::current().emit(Instruction{Primitive::constant, 0, 0, 0, value})) {}

namespace {
template <typename... Operands>
Scalar emit(Primitive primitive, Operands... operands) {
  return Tracer::current().emit(primitive, operands...);
}
}  // namespace

Scalar operator+(Scalar a, Scalar b) { return emit(Primitive::add, a, b); }
Scalar operator-(Scalar a, Scalar b) { return emit(Primitive::sub, a, b); }
Scalar operator*(Scalar a, Scalar b) { return emit(Primitive::mul, a, b); }
Scalar operator/(Scalar a, Scalar b) { return emit(Primitive::div, a, b); }
Scalar operator-(Scalar a) { return emit(Primitive::neg, a); }
Scalar operator<(Scalar a, Scalar b) { return emit(Primitive::less, a, b); }
Scalar operator<=(Scalar a, Scalar b) { return emit(Primitive::less_equal, a, b); }
Scalar operator>(Scalar a, Scalar b) { return emit(Primitive::less, b, a); }
Scalar operator>=(Scalar a, Scalar b) { return emit(Primitive::less_equal, b, a); }
Scalar operator==(Scalar a, Scalar b) { return emit(Primitive::equal, a, b); }
Scalar operator!=(Scalar a, Scalar b) { return !(a == b); }
Scalar operator!(Scalar a) { return emit(Primitive::logical_not, a); }
Scalar operator&&(Scalar a, Scalar b) { return emit(Primitive::logical_and, a, b); }
Scalar operator||(Scalar a, Scalar b) { return emit(Primitive::logical_or, a, b); }
Scalar fma(Scalar a, Scalar b, Scalar c) { return emit(Primitive::fma, a, b, c); }
Scalar abs(Scalar a) { return emit(Primitive::abs, a); }
Scalar minimum(Scalar a, Scalar b) { return emit(Primitive::minimum, a, b); }
Scalar maximum(Scalar a, Scalar b) { return emit(Primitive::maximum, a, b); }
Scalar sqrt(Scalar a) { return emit(Primitive::sqrt, a); }
Scalar exp(Scalar a) { return emit(Primitive::exp, a); }
Scalar expm1(Scalar a) { return emit(Primitive::expm1, a); }
Scalar log(Scalar a) { return emit(Primitive::log, a); }
Scalar log1p(Scalar a) { return emit(Primitive::log1p, a); }
Scalar sin(Scalar a) { return emit(Primitive::sin, a); }
Scalar cos(Scalar a) { return emit(Primitive::cos, a); }
Scalar tan(Scalar a) { return emit(Primitive::tan, a); }
Scalar asin(Scalar a) { return emit(Primitive::asin, a); }
Scalar acos(Scalar a) { return emit(Primitive::acos, a); }
Scalar atan(Scalar a) { return emit(Primitive::atan, a); }
Scalar sinh(Scalar a) { return emit(Primitive::sinh, a); }
Scalar cosh(Scalar a) { return emit(Primitive::cosh, a); }
Scalar tanh(Scalar a) { return emit(Primitive::tanh, a); }
Scalar logistic(Scalar a) { return emit(Primitive::logistic, a); }
Scalar asinh(Scalar a) { return emit(Primitive::asinh, a); }
Scalar acosh(Scalar a) { return emit(Primitive::acosh, a); }
Scalar atanh(Scalar a) { return emit(Primitive::atanh, a); }
Scalar erf(Scalar a) { return emit(Primitive::erf, a); }
Scalar erfc(Scalar a) { return emit(Primitive::erfc, a); }
Scalar normal_cdf(Scalar a) { return emit(Primitive::normal_cdf, a); }
Scalar pow(Scalar a, Scalar b) { return emit(Primitive::pow, a, b); }
Scalar atan2(Scalar a, Scalar b) { return emit(Primitive::atan2, a, b); }
Scalar hypot(Scalar a, Scalar b) { return emit(Primitive::hypot, a, b); }
Scalar floor(Scalar a) { return emit(Primitive::floor, a); }
Scalar ceil(Scalar a) { return emit(Primitive::ceil, a); }
Scalar round(Scalar a) { return emit(Primitive::round, a); }
Scalar copy_sign(Scalar magnitude, Scalar sign) { return emit(Primitive::copy_sign, magnitude, sign); }
Scalar is_finite(Scalar a) { return emit(Primitive::is_finite, a); }
Scalar is_nan(Scalar a) { return emit(Primitive::is_nan, a); }
Scalar select(Scalar condition, Scalar a, Scalar b) { return emit(Primitive::select, condition, a, b); }

}  // namespace wengert
