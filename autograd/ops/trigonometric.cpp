#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// Sine of an angle in radians, floating; NaN at ±inf. The angle is reduced exactly, however large. Derivative cos x.
Tensor sin(const Tensor& x);
#endif
WENGERT_OPERATION(sin) {
  return pointwise(name, {
      .formula = [](Scalar x) { return sin(x); },
      .samples = detail::unary_samples,
  });
}
Tensor sin(const Tensor& x) { return apply(operations::sin(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Cosine of an angle in radians, floating; NaN at ±inf. The angle is reduced exactly, however large. Derivative −sin x.
Tensor cos(const Tensor& x);
#endif
WENGERT_OPERATION(cos) {
  return pointwise(name, {
      .formula = [](Scalar x) { return cos(x); },
      .samples = detail::unary_samples,
  });
}
Tensor cos(const Tensor& x) { return apply(operations::cos(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Tangent of an angle in radians, floating; NaN at ±inf. The angle is reduced exactly, however large. Derivative
/// 1 + tan² x.
Tensor tan(const Tensor& x);
#endif
WENGERT_OPERATION(tan) {
  return pointwise(name, {
      .formula = [](Scalar x) { return tan(x); },
      .samples = detail::unary_samples,
  });
}
Tensor tan(const Tensor& x) { return apply(operations::tan(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Arcsine, in [−π/2, π/2], floating; NaN beyond ±1. Derivative 1 / √(1 − x²), at ±1 inf.
Tensor asin(const Tensor& x);
#endif
WENGERT_OPERATION(asin) {
  return pointwise(name, {
      .formula = [](Scalar x) { return asin(x); },
      .samples = detail::unit_samples,
  });
}
Tensor asin(const Tensor& x) { return apply(operations::asin(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Arccosine, in [0, π], floating; NaN beyond ±1. Derivative −1 / √(1 − x²), at ±1 −inf.
Tensor acos(const Tensor& x);
#endif
WENGERT_OPERATION(acos) {
  return pointwise(name, {
      .formula = [](Scalar x) { return acos(x); },
      .samples = detail::unit_samples,
  });
}
Tensor acos(const Tensor& x) { return apply(operations::acos(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Arctangent, in [−π/2, π/2], floating; ±π/2 at ±inf. Derivative 1 / (1 + x²).
Tensor atan(const Tensor& x);
#endif
WENGERT_OPERATION(atan) {
  return pointwise(name, {
      .formula = [](Scalar x) { return atan(x); },
      .samples = detail::unary_samples,
  });
}
Tensor atan(const Tensor& x) { return apply(operations::atan(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// The angle of the point (x, y), in [−π, π], with broadcasting, floating. Follows IEEE 754 for signed zeros and infinities.
/// Derivatives x / (x² + y²) and −y / (x² + y²); at the origin, where there are none, both are 0; NaN at ±inf.
Tensor atan2(const Operand& y, const Operand& x);
#endif
WENGERT_OPERATION(atan2) {
  return pointwise(name, {
      .formula = [](Scalar y, Scalar x) { return atan2(y, x); },
      .samples = detail::binary_samples,
  });
}
Tensor atan2(const Operand& y, const Operand& x) { return detail::apply_binary(operations::atan2(), y, x); }

}  // namespace wengert
