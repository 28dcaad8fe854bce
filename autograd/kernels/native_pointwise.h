#pragma once

#include <cstddef>

namespace wengert::kernels {

/// What a primitive reads: element i is `data[i & mask]`. A mask of all ones walks an array; mask 0, used with one
/// block of equal elements, is a number that is the same everywhere.
struct Operand {
  const void* data = nullptr;
  std::size_t mask = ~std::size_t{0};
};

/// A whole program as code, for where it pays: computes `count` elements of each output, in whole blocks
/// (primitives.h). Operands lie one behind the other; an element of every output may be written once all its inputs
/// were read.
using PointwiseCode = void (*)(const Operand* inputs, const Operand* uniforms, void* const* outputs, std::size_t count);

/// Null where the primitives do: the same bits either way.
struct NativePointwise {
  PointwiseCode f32 = nullptr, f64 = nullptr;

  bool is_given() const { return f32 != nullptr || f64 != nullptr; }
};

}  // namespace wengert::kernels
