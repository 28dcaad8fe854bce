#include <numbers>

#include <wengert/autograd/internal/formulas.h>

namespace wengert::detail {

Scalar bounded(Scalar x) { return maximum(minimum(x, beyond), -beyond); }

Scalar gaussian(Scalar x, double scale) {
  // Beyond 64 it is 0; the bound keeps inf − inf out of the rounding error of the square.
  const Scalar t = maximum(minimum(x, 64.0), -64.0);
  const Scalar square = t * t;
  const Scalar error = fma(t, t, -square);
  return exp(-scale * square) * (1.0 - scale * error);
}

Scalar normal_density(Scalar x) {
  constexpr double inv_sqrt_2pi = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  return inv_sqrt_2pi * gaussian(x, 0.5);
}

}  // namespace wengert::detail
