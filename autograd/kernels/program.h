#pragma once

#include <cstdint>
#include <vector>

namespace wengert::kernels {

/// The scalar primitives that every pointwise operation is made of, compiled per instruction set. Truth values are the
/// numbers 1 and 0; any number but 0 (NaN included) is true.
enum class Primitive : std::uint8_t {
  constant,     // the literal in `Instruction::value`
  add,          // a + b
  sub,          // a − b
  mul,          // a · b
  div,          // a / b
  fma,          // a · b + c, rounded once
  neg,          // −a (flips the sign bit)
  abs,          // |a| (clears the sign bit)
  minimum,      // smaller of a and b; NaN if either is
  maximum,      // larger of a and b; NaN if either is
  sqrt,         //
  exp,          //
  expm1,        // eᵃ − 1
  log,          //
  log1p,        // ln(1 + a)
  sin,          //
  cos,          //
  tan,          //
  asin,         //
  acos,         //
  atan,         //
  sinh,         //
  cosh,         //
  tanh,         //
  logistic,     // 1 / (1 + e⁻ᵃ)
  asinh,        //
  acosh,        //
  atanh,        //
  erf,          //
  erfc,         // 1 − erf(a), without cancellation in the tail
  normal_cdf,   // ½ erfc(−a/√2)
  pow,          // aᵇ, with the special cases of IEEE 754
  atan2,        // angle of the point (b, a)
  hypot,        // √(a² + b²) without overflow
  floor,        //
  ceil,         //
  round,        // half to even
  less,         // a < b
  less_equal,   // a ≤ b
  equal,        // a = b
  logical_not,  // a = 0
  logical_and,  // a and b are true
  logical_or,   // a or b is true
  select,       // a is true ? b : c
  is_finite,    // neither infinite nor NaN
  is_nan,       //
  copy_sign,    // |a| with the sign bit of b
};

/// One scalar instruction. Operands are numbers of values: 0 … inputs−1 are the inputs, then the uniforms,
/// then one value per instruction in order. Unused operands are 0.
struct Instruction {
  Primitive primitive = Primitive::constant;
  std::uint16_t a = 0, b = 0, c = 0;
  double value = 0;

  bool operator==(const Instruction&) const = default;
};

/// A pointwise formula as data: a Wengert list of scalar instructions in single-assignment form.
struct Program {
  std::uint16_t inputs = 0;    ///< tensors read element by element
  std::uint16_t uniforms = 0;  ///< numbers that are the same for every element (attributes)
  std::vector<Instruction> instructions;
  std::vector<std::uint16_t> outputs;  ///< values that leave the program; may name an input

  /// How many values no instruction gives.
  std::size_t leaves() const { return std::size_t{inputs} + uniforms; }

  bool operator==(const Program&) const = default;
};

/// Whether something holds of each value of a program: 1 or 0.
using Flags = std::vector<std::uint8_t>;

/// Number of operands that a primitive reads: 0 … 3.
int arity(Primitive primitive);

/// What a primitive costs per element, in multiply-adds (threads.h), roughly.
double cost_of(Primitive primitive);

/// Calls `f` with each operand that an instruction reads: `std::uint16_t`, to be changed where the instruction may be.
template <typename I, typename F>
void for_operands(I& instruction, const F& f) {
  const int count = arity(instruction.primitive);
  if (count > 0) f(instruction.a);
  if (count > 1) f(instruction.b);
  if (count > 2) f(instruction.c);
}

/// Which values of a program are needed for its outputs, where the instructions that are flagged in `given`, if any,
/// need not be computed.
Flags needed_values(const Program& program, const Flags& given = {});

/// What the instructions cost that are needed where those that are flagged in `given` are not.
double cost_of(const Program& program, const Flags& given = {});

/// The name as written in the enumeration, for printing and for files.
const char* name_of(Primitive primitive);

}  // namespace wengert::kernels
