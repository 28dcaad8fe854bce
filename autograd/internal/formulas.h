#pragma once

#include <wengert/autograd/scalar.h>

/// What formulas of several operations share. Each may be differentiated as it stands, to any order and at every point.

namespace wengert::detail {

/// From here on e^−|x| is 0 in f64 and f32, and Φ and its approximations are 0 or 1: bounds that keep ∞ · 0 away.
inline constexpr double beyond = 800;
Scalar bounded(Scalar x);

/// exp(−scale · x²) for a `scale` that is a power of two. x² is taken with twice the digits, so that the relative error
/// does not grow with it.
Scalar gaussian(Scalar x, double scale);

/// The density of the standard normal distribution, exp(−x²/2) / √(2π).
Scalar normal_density(Scalar x);

}  // namespace wengert::detail
