#pragma once

#include <wengert/autograd/scalar.h>

/// What formulas of several operations share. Each may be differentiated as it stands, to any order and at every point.

namespace wengert::detail {

/// exp(−scale · x²) for a `scale` that is a power of two. x² is taken with twice the digits, so that the relative error
/// does not grow with it.
Scalar gaussian(Scalar x, double scale);

/// The density of the standard normal distribution, exp(−x²/2) / √(2π).
Scalar normal_density(Scalar x);

}  // namespace wengert::detail
