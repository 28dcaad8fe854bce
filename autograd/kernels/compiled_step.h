#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {

/// Several instructions of a program in one loop, compiled when the program is planned: what they pass on stands in
/// registers. Each rounds its result as its primitive does. There is such code for processors of x86-64 with AVX2 or
/// AVX-512, where the system lets a process run what it wrote.
namespace compiled_step {

/// Whether there is, for the instruction set that primitives are chosen for.
bool is_possible();

/// Whether such a step can have this primitive.
bool can_have(Primitive primitive);

/// Of instructions in order, how many from the first on have enough registers for one step. `is_uniform`: by value of
/// the program, whether it is the same for every element.
std::size_t fitting(const Program& program, std::span<const std::uint16_t> instructions, const Flags& is_uniform);

/// Where a value of the program is before or after a step.
struct Place {
  enum class Kind : std::uint8_t {
    nowhere,  // in a register alone
    array,    // in order
    input,    // in order, or one element
    uniform,  // a block
  };
  Kind kind = Kind::nowhere;
  std::uint32_t slot = 0;  // bytes from the first slot
};

/// Code for a PrimitiveFunction whose first operand is the first slot. Results that have a place are written there.
/// Every instruction is one that a step can have, and all of them fit.
std::vector<std::uint8_t> compile(const Program& program, std::span<const std::uint16_t> instructions,
                                  std::span<const Place> places, bool is_f64);

}  // namespace compiled_step
}  // namespace wengert::kernels
