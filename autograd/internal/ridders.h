#pragma once

#include <functional>

namespace wengert::detail {

struct Derivative {
  double value, uncertainty;
};

struct Steps {
  double first, largest;
};

/// The limit for h → 0 of a difference quotient whose error is even in h (a central one). Tableaux of Ridders are tried
/// from the first step downward, then from there up to the largest, until the uncertainty is below `tolerance` relative
/// to max(1, |value|); the most certain value of all is given. NaN with infinite uncertainty where no quotient is
/// finite.
Derivative extrapolate(const std::function<double(double)>& quotient, Steps steps, double tolerance);

}  // namespace wengert::detail
