#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// Hyperbolic sine, floating. Overflows to ±inf no sooner than its value does. Derivative cosh x.
Tensor sinh(const Tensor& x);
#endif
WENGERT_OPERATION(sinh) {
  return pointwise(name, {
      .formula = [](Scalar x) { return sinh(x); },
      .samples = detail::unary_samples,
  });
}
Tensor sinh(const Tensor& x) { return apply(operations::sinh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Hyperbolic cosine, floating. Overflows to inf no sooner than its value does. Derivative sinh x.
Tensor cosh(const Tensor& x);
#endif
WENGERT_OPERATION(cosh) {
  return pointwise(name, {
      .formula = [](Scalar x) { return cosh(x); },
      .samples = detail::unary_samples,
  });
}
Tensor cosh(const Tensor& x) { return apply(operations::cosh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Hyperbolic tangent, floating; as an activation, a sigmoid scaled to (−1, 1). ±1 at ±inf. Derivative 1 − tanh² x,
/// rounded once from the value y: to within a rounding of 1, so that it is 0 from |x| ≈ 19 on (in f32, 9.5).
Tensor tanh(const Tensor& x);
#endif
WENGERT_OPERATION(tanh) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return tanh(x); },
      .samples = detail::activation_samples,
  });
}
Tensor tanh(const Tensor& x) { return apply(operations::tanh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Inverse hyperbolic sine, floating. Derivative 1 / √(x² + 1).
Tensor asinh(const Tensor& x);
#endif
WENGERT_OPERATION(asinh) {
  return pointwise(name, {
      .formula = [](Scalar x) { return asinh(x); },
      .samples = detail::unary_samples,
  });
}
Tensor asinh(const Tensor& x) { return apply(operations::asinh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Inverse hyperbolic cosine, floating; NaN below 1. Derivative 1 / √(x² − 1), at 1 inf.
Tensor acosh(const Tensor& x);
#endif
WENGERT_OPERATION(acosh) {
  return pointwise(name, {
      .formula = [](Scalar x) { return acosh(x); },
      .samples = [] {
        return std::vector<Sample>{
            {{Tensor({1.05, 1.5, 3.0, 40.0})}}, {{Tensor({{2.0, 1.25}, {1e3, 6.0}})}}, {{Tensor(1.75)}}, {{zeros({0}, DType::f64)}},
        };
      },
  });
}
Tensor acosh(const Tensor& x) { return apply(operations::acosh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Inverse hyperbolic tangent, floating; ±inf at ±1, NaN beyond. Derivative 1 / (1 − x²).
Tensor atanh(const Tensor& x);
#endif
WENGERT_OPERATION(atanh) {
  return pointwise(name, {
      .formula = [](Scalar x) { return atanh(x); },
      .samples = detail::unit_samples,
  });
}
Tensor atanh(const Tensor& x) { return apply(operations::atanh(), {x}); }

}  // namespace wengert
