#include <numbers>
#include <optional>

#include <wengert/autograd/internal/formulas.h>
#include <wengert/autograd/internal/tracer.h>

/// Reverse-mode differentiation of a scalar program: the same walk as the tape's, over instructions instead of records.

namespace wengert {
namespace {

using kernels::Instruction;
using kernels::Primitive;
using kernels::Program;

constexpr double two_over_sqrt_pi = 2 * std::numbers::inv_sqrtpi;

/// The sign of a value: 1, 0 or −1.
Scalar sign(Scalar value) { return select(value == 0.0, 0.0, copy_sign(1.0, value)); }

/// The share of `a` in the derivative of the larger of a and b: where they tie, each has half.
Scalar share_of_larger(Scalar a, Scalar b) { return select(b < a, 1.0, select(a == b, 0.5, 0.0)); }

struct Adjoints {
  std::optional<Scalar> a = {}, b = {}, c = {};
};

/// The adjoints of an instruction's operands a, b and its third, given its value y and its adjoint dy.
Adjoints rule(Primitive primitive, Scalar a, Scalar b, Scalar y, Scalar dy) {
  switch (primitive) {
    case Primitive::add: return {dy, dy};
    case Primitive::sub: return {dy, -dy};
    case Primitive::mul: return {dy * b, dy * a};
    case Primitive::div: return {dy / b, -(dy * y / b)};
    case Primitive::fma: return {dy * b, dy * a, dy};
    case Primitive::neg: return {-dy};
    case Primitive::abs: return {dy * sign(a)};
    case Primitive::minimum: return {dy * share_of_larger(b, a), dy * share_of_larger(a, b)};
    case Primitive::maximum: return {dy * share_of_larger(a, b), dy * share_of_larger(b, a)};
    case Primitive::sqrt: return {dy * 0.5 / y};
    case Primitive::exp: return {dy * y};
    case Primitive::expm1: return {dy * exp(a)};  // y + 1 would cancel in the tail
    case Primitive::log: return {dy / a};
    case Primitive::log1p: return {dy / (1.0 + a)};
    case Primitive::sin: return {dy * cos(a)};
    case Primitive::cos: return {-(dy * sin(a))};
    case Primitive::tan: return {dy * fma(y, y, 1.0)};
    // 1 − a² is rounded once. (1 − a)(1 + a) would be as good, but its derivative the difference of nearly equal terms.
    case Primitive::asin: return {dy / sqrt(fma(-a, a, 1.0))};
    case Primitive::acos: return {-(dy / sqrt(fma(-a, a, 1.0)))};
    case Primitive::atan: return {dy / fma(a, a, 1.0)};
    case Primitive::sinh: return {dy * cosh(a)};
    case Primitive::cosh: return {dy * sinh(a)};
    case Primitive::tanh: return {dy * fma(-y, y, 1.0)};
    case Primitive::logistic: return {dy * (y * logistic(-a))};  // 1 − y would cancel in the tail
    case Primitive::asinh: return {dy / hypot(a, 1.0)};
    case Primitive::acosh: return {dy / (sqrt(a - 1.0) * sqrt(a + 1.0))};
    case Primitive::atanh: return {dy / fma(-a, a, 1.0)};
    case Primitive::erf: return {dy * (two_over_sqrt_pi * detail::gaussian(a, 1.0))};
    case Primitive::erfc: return {-(dy * (two_over_sqrt_pi * detail::gaussian(a, 1.0)))};
    case Primitive::normal_cdf: return {dy * detail::normal_density(a)};
    // Where a = b = 0 the first is 0 · 0⁻¹ and where a = 0 ≤ b the second 0ᵇ ln 0: both are 0, not NaN. What is
    // replaced are the arguments, so that derivatives of the derivatives are finite too.
    case Primitive::pow: {
      const Scalar exponent = select(a == 0.0 && b == 0.0, 1.0, b);
      const Scalar base = select(a == 0.0 && b >= 0.0, 1.0, a);
      return {dy * (b * pow(a, exponent - 1.0)), dy * (y * log(base))};
    }
    case Primitive::atan2: {
      const Scalar distance = hypot(a, b);
      const Scalar r = select(distance == 0.0, 1.0, distance);
      return {dy * (b / r / r), -(dy * (a / r / r))};
    }
    case Primitive::hypot: {
      const Scalar r = select(y == 0.0, 1.0, y);
      return {dy * (a / r), dy * (b / r)};
    }
    case Primitive::select: return {{}, select(a, dy, 0.0), select(a, 0.0, dy)};
    case Primitive::copy_sign: return {dy * (sign(a) * copy_sign(1.0, b))};
    case Primitive::constant:
    case Primitive::floor:
    case Primitive::ceil:
    case Primitive::round:
    case Primitive::less:
    case Primitive::less_equal:
    case Primitive::equal:
    case Primitive::logical_not:
    case Primitive::logical_and:
    case Primitive::logical_or:
    case Primitive::is_finite:
    case Primitive::is_nan: return {};
  }
  return {};
}

/// Where each value of the original program is found in the derivative's.
std::vector<std::uint16_t> repeat_values(const Program& program, Tracer& tracer, std::size_t inputs,
                                         bool reads_outputs) {
  std::vector<std::uint16_t> place;
  for (std::size_t i = 0; i < program.inputs; ++i) place.push_back(static_cast<std::uint16_t>(i));
  for (std::size_t i = 0; i < program.uniforms; ++i) place.push_back(static_cast<std::uint16_t>(inputs + i));
  for (Instruction instruction : program.instructions) {
    kernels::for_operands(instruction, [&](std::uint16_t& operand) { operand = place[operand]; });
    place.push_back(tracer.emit(instruction));
  }
  if (!reads_outputs) return place;
  // What is an output need not be computed again.
  for (std::size_t o = 0; o < program.outputs.size(); ++o) {
    if (program.outputs[o] >= program.leaves()) {
      place[program.outputs[o]] = static_cast<std::uint16_t>(program.inputs + o);
    }
  }
  return place;
}

}  // namespace

Program differentiate(const Program& program, bool reads_outputs) {
  const std::size_t results = program.outputs.size();
  const std::size_t first_dy = program.inputs + (reads_outputs ? results : 0);
  const std::size_t inputs = first_dy + results;
  Tracer tracer(inputs, program.uniforms);
  const auto place = repeat_values(program, tracer, inputs, reads_outputs);

  std::vector<std::optional<Scalar>> adjoints(place.size());
  const auto accumulate = [&](std::uint16_t value, std::optional<Scalar> adjoint) {
    if (adjoint) adjoints[value] = adjoints[value] ? *adjoints[value] + *adjoint : *adjoint;
  };
  for (std::size_t o = 0; o < results; ++o) accumulate(program.outputs[o], tracer.input(first_dy + o));

  const std::size_t first = program.leaves();
  for (std::size_t i = program.instructions.size(); i-- > 0;) {
    if (!adjoints[first + i]) continue;
    const Instruction& instruction = program.instructions[i];
    const auto at = [&](std::uint16_t value) { return Tracer::at(place[value]); };
    const Adjoints found = rule(instruction.primitive, at(instruction.a), at(instruction.b),
                                Tracer::at(place[first + i]), *adjoints[first + i]);
    accumulate(instruction.a, found.a);
    accumulate(instruction.b, found.b);
    accumulate(instruction.c, found.c);
  }
  std::vector<Scalar> outputs;
  for (std::size_t i = 0; i < program.inputs; ++i) outputs.push_back(adjoints[i] ? *adjoints[i] : Scalar(0.0));
  return tracer.finish(outputs);
}

}  // namespace wengert
