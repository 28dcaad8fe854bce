#pragma once

#include <wengert/autograd/scalar.h>

/// What formulas of several operations share. Each may be differentiated as it stands, to any order and at every point.

namespace wengert::detail {

/// 1 / (1 + e⁻ˣ), without overflow, relatively exact in both tails.
Scalar logistic(Scalar x);

/// exp(−scale · x²) for a `scale` that is a power of two. x² is taken with twice the digits, so that the relative error
/// does not grow with it.
Scalar gaussian(Scalar x, double scale);

/// The distribution function of the standard normal distribution, ½ erfc(−x/√2), relatively exact in the lower tail as
/// far as it is no subnormal number.
Scalar normal_cdf(Scalar x);

}  // namespace wengert::detail
