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

/// Reduces `count` contiguous rows, each `rows` times 128 bytes, to one number each: as columns, then those pairwise.
using ReduceLongRows = void (*)(void* results, const void* in, std::int64_t count, std::int64_t rows);

/// Reduces `count` contiguous rows of n elements each, less than 128 bytes, to one number each: as columns of their
/// transpose, by what reduces 128 bytes of them.
using ReduceShortRows = void (*)(ReduceRows wide, void* results, const void* in, std::int64_t count, std::int64_t n);

/// For as many columns as fill 128 bytes, for eight, and for one; for long rows, null for products, which are rare, and
/// where there are no vectors; and for many short rows.
struct RowReducers {
  ReduceRows wide = nullptr, eight = nullptr, one = nullptr;
  ReduceLongRows long_rows = nullptr;
  ReduceShortRows short_rows = nullptr;
};

/// The code for f32 or f64 and the best instruction set of this machine. Which that is makes no difference to the bits.
RowReducers find_row_reducers(Reduction reduction, DType dtype);

}  // namespace wengert::kernels
