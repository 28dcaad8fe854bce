#pragma once

#include <cstddef>
#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/kernels/reduce.h>

namespace wengert::kernels {

// Rows that are added one after the other; blocks of them are then added pairwise (Higham, "The Accuracy of Floating
// Point Summation", 1993).
inline constexpr std::int64_t block_rows = 16;

/// Reduces columns side by side: `rows` rows, `stride` elements apart, to one.
using ReduceRows = void (*)(void* result, const void* in, std::int64_t rows, std::int64_t stride);

/// Reduces `count` contiguous rows of n elements each, row_lanes or more, to one number each: as columns, then those
/// pairwise, then with what is left of the row.
using ReduceLongRows = void (*)(void* results, const void* in, std::int64_t count, std::int64_t n);

/// Reduces `count` contiguous rows of n elements each, fewer than row_lanes, to one number each: as columns of their
/// transpose, by what reduces row_lanes of them.
using ReduceShortRows = void (*)(ReduceRows wide, void* results, const void* in, std::int64_t count, std::int64_t n);

/// What is done to elements of one dtype. All works on the same elements in the same order with every instruction set.
struct RowReducers {
  ReduceRows wide = nullptr, eight = nullptr, one = nullptr;  ///< row_lanes columns, eight, and one
  ReduceLongRows long_rows = nullptr;
  ReduceShortRows short_rows = nullptr;  ///< null for integers
  std::int64_t size = 0;                 ///< of an element

  std::int64_t lanes() const { return static_cast<std::int64_t>(row_lanes(static_cast<std::size_t>(size))); }
};

/// The code for the best instruction set of this machine. Which that is makes no difference to the bits.
const RowReducers& find_row_reducers(Reduction reduction, DType dtype);

}  // namespace wengert::kernels
