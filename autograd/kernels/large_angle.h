#pragma once

#include <cstddef>
#include <cstdint>

namespace wengert::kernels::math {

/// Angles x = n π/2 + (r + low) with |r| ≤ π/4; the last two bits of a quadrant are those of n. Of those of the
/// finite x with |x| > border, which is 2 or more, r + low is written to more than 100 bits, however large they are
/// (Payne and Hanek, "Radian reduction for trigonometric functions", 1983). What is written for others stays.
void reduce_large_angles(const double* x, std::size_t count, double border, double* r, double* low,
                         std::uint64_t* quadrant);

}  // namespace wengert::kernels::math
