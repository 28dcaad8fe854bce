#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>

namespace wengert::kernels {

/// What is made of an element x and of values a and b that belong to its row.
enum class RowMap : std::uint8_t {
  subtract,       ///< y = x − a
  subtract_both,  ///< y = x − a − b
  divide,         ///< y = x / a
  clear_first,    ///< y = 0 where x is the first in its row, or column, that is a; all else stays. Nothing if a is not
                  ///< finite
};

/// Arrays [outer, n, inner], of which x and y have rows `x_stride` and `y_stride` elements apart; a and b are
/// [outer, inner].
struct RowExtents {
  std::int64_t outer, n, inner, x_stride, y_stride;
};

/// y may not be x.
using MapRows = void (*)(const RowExtents& extents, const void* x, void* y, const void* a, const void* b);

/// The code for f32 or f64 and the best instruction set of this machine. Which that is makes no difference to the bits.
MapRows find_row_map(RowMap map, DType dtype);

}  // namespace wengert::kernels
