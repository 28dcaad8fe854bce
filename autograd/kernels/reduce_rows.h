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

/// Reduces a contiguous row, `rows` times 128 bytes, to one number: as columns, then those pairwise.
using ReduceRow = void (*)(void* result, const void* in, std::int64_t rows);

/// For as many columns as fill 128 bytes, for eight, and for one; and for a row, of which sums alone are so frequent
/// that they have code of their own: null for the others.
struct RowReducers {
  ReduceRows wide = nullptr, eight = nullptr, one = nullptr;
  ReduceRow row = nullptr;
};

/// The code for f32 or f64 and the best instruction set of this machine. Which that is makes no difference to the bits.
RowReducers find_row_reducers(Reduction reduction, DType dtype);

}  // namespace wengert::kernels
