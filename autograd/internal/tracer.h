#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <wengert/autograd/kernels/program.h>
#include <wengert/autograd/scalar.h>

namespace wengert {

/// Writes down the scalar instructions of a formula. While a Tracer lives, the operators on `Scalar` of its thread
/// append to its program; equal instructions are written once, those on literals alone are not folded (the kernels do
/// the rounding).
class Tracer {
 public:
  Tracer(std::size_t inputs, std::size_t uniforms);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// The tracer at work on this thread. Throws ValueError where there is none: a Scalar outside of a formula.
  static Tracer& current();

  Scalar input(std::size_t i) const { return at(static_cast<std::uint16_t>(i)); }
  static Scalar at(std::uint16_t value) { return Scalar(Scalar::Index{value}); }

  std::uint16_t emit(const kernels::Instruction& instruction);
  Scalar emit(kernels::Primitive primitive, Scalar a, Scalar b, Scalar c);
  Scalar emit(kernels::Primitive primitive, Scalar a, Scalar b);
  Scalar emit(kernels::Primitive primitive, Scalar a);

  /// The program with these outputs, and without what they do not need.
  kernels::Program finish(const std::vector<Scalar>& outputs) const;

 private:
  kernels::Program program_;
  Tracer* outer_;
};

/// A formula written down.
kernels::Program trace(const Formula& formula, std::size_t uniforms);

/// The program without the instructions that its outputs do not need.
kernels::Program without_dead_code(const kernels::Program& program);

/// The program on those inputs alone that it reads, and which these are.
std::pair<kernels::Program, std::vector<std::uint16_t>> only_used_inputs(const kernels::Program& program);

/// The vector–Jacobian product of a program as a program: inputs (inputs …, outputs …, adjoints of the outputs …), one
/// output per input of the original. Where `reads_outputs` is false, the outputs are left out of the inputs.
kernels::Program differentiate(const kernels::Program& program, bool reads_outputs);

}  // namespace wengert
