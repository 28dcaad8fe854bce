#pragma once

#include <cstddef>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/kernels/native_pointwise.h>
#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {

/// Arrays are worked on in whole blocks of this many bytes, the widest vector there is: memory given to a primitive
/// can be read and written up to the end of its last block. So no element is ever a "remainder", and its bits do not
/// depend on its place.
inline constexpr std::size_t block_bytes = 64;
template <typename T>
inline constexpr std::size_t block_elements = block_bytes / sizeof(T);
/// So many bytes, up to the end of their last block.
constexpr std::size_t whole_blocks(std::size_t bytes) { return (bytes + block_bytes - 1) / block_bytes * block_bytes; }

/// Computes `count` elements of `out`, which may be the same memory as an operand. Unused operands are ignored.
using PrimitiveFunction = void (*)(const Operand& a, const Operand& b, const Operand& c, void* out, std::size_t count);

/// The code of `primitive` in f32, f64, i32 or i64, for the best instruction set of this machine; null where the
/// primitive does not exist in that dtype, and for `constant`, which is data.
PrimitiveFunction find_primitive(Primitive primitive, DType compute);

/// The part of `find_primitive` for i32 and i64. Arithmetic wraps modulo 2ⁿ; division truncates, and x / 0 is 0.
PrimitiveFunction find_integer_primitive(Primitive primitive, bool is_i64);

/// Bytes of the vectors that code made at run time may have (compiled_step.h), for the same instruction set: 0 where it
/// is none that such code is written for.
std::size_t vector_bytes_of_code();

/// The instruction set that the primitives were chosen for: "AVX2", "AVX3", "NEON" …
const char* instruction_set();

}  // namespace wengert::kernels
