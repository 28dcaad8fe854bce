#include <numbers>

#include <wengert/autograd/internal/formulas.h>

namespace wengert::detail {

Scalar logistic(Scalar x) {
  const Scalar is_negative = x < 0.0;
  // Not −|x|: there the derivative at 0 would be that of |x|, 0, while these two branches are the same smooth function.
  const Scalar e = exp(select(is_negative, x, -x));
  return select(is_negative, e, 1.0) / (1.0 + e);
}

Scalar gaussian(Scalar x, double scale) {
  // Beyond 64 it is 0; the bound keeps inf − inf out of the rounding error of the square.
  const Scalar t = maximum(minimum(x, 64.0), -64.0);
  const Scalar square = t * t;
  const Scalar error = fma(t, t, -square);
  return exp(-scale * square) * (1.0 - scale * error);
}

Scalar normal_cdf(Scalar x) {
  const Scalar t = maximum(minimum(x, 64.0), -64.0);  // 0 and 1 from there on
  // z = −t/√2 is rounded, which erfc magnifies by 2z² in its tail. So the rounding error d of z is kept, that of the
  // product and that of the constant c = −1/√2, whatever the precision (c² − ½ is exact with fma), and taken into account
  // to first order: erfc(z + d) ≈ erfc(z) (1 − 2zd) for z ≫ 1; for smaller z it does not matter.
  const Scalar c = -std::numbers::sqrt2 / 2;
  const Scalar c_error = -(c * fma(c, c, -0.5));
  const Scalar z = c * t;
  const Scalar z_error = fma(c_error, t, fma(c, t, -z));
  return erfc(z) * (0.5 - maximum(z, 0.0) * z_error);
}

}  // namespace wengert::detail
