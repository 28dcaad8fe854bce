#pragma once

#include <cstdint>

namespace wengert::kernels::math {

/// An angle x = n π/2 + (r + low) with |r| ≤ π/4; the last two bits of `quadrant` are those of n.
struct LargeAngle {
  double r, low;
  std::uint64_t quadrant;
};

/// Of a finite x with |x| ≥ 2, however large, r + low to more than 100 bits (Payne and Hanek, "Radian reduction for
/// trigonometric functions", 1983).
LargeAngle reduce_large_angle(double x);

}  // namespace wengert::kernels::math
