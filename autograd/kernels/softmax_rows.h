#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>

namespace wengert::kernels {

/// Arrays [outer, n, inner], of which x and y have rows `x_stride` and `y_stride` elements apart; a and b are
/// [outer, inner].
struct RowExtents {
  std::int64_t outer, n, inner, x_stride, y_stride;
};

/// Makes y of x and of the values a and b of each row. y may not be x.
using MapRows = void (*)(const RowExtents& extents, const void* x, void* y, const void* a, const void* b);

struct RowMaps {
  MapRows subtract = nullptr;       ///< y = x − a
  MapRows subtract_both = nullptr;  ///< y = x − a − b
  MapRows divide = nullptr;         ///< y = x / a
  /// y = 0 where x is the first in its row, or column, that is a; all else stays. Nothing if a is not finite.
  MapRows clear_first = nullptr;
};

/// The code for f32 or f64 and the best instruction set of this machine. Which that is makes no difference to the bits.
RowMaps find_row_maps(DType dtype);

}  // namespace wengert::kernels
