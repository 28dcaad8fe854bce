#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/kernels/reduce.h>

namespace wengert::kernels {

// Rows that are added one after the other; blocks of them are then added pairwise (Higham, "The Accuracy of Floating
// Point Summation", 1993).
inline constexpr std::int64_t block_rows = 16;

/// Reduces columns side by side: `rows` rows, `stride` elements apart, to one.
using ReduceRows = void (*)(void* result, const void* in, std::int64_t rows, std::int64_t stride);

/// For as many columns as fill 128 bytes, for eight, and for one.
struct RowReducers {
  ReduceRows wide = nullptr, eight = nullptr, one = nullptr;
};

/// The code for f32 or f64 and the best instruction set of this machine. Which that is makes no difference to the bits.
RowReducers find_row_reducers(Reduction reduction, DType dtype);

}  // namespace wengert::kernels
