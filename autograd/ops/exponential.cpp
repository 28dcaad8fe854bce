#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// eˣ, floating. Overflows to inf, underflows to 0 by way of the subnormal numbers.
Tensor exp(const Tensor& x);
#endif
WENGERT_OPERATION(exp) {
  return pointwise(name, {
      .formula = [](Scalar x) { return exp(x); },
      .samples = detail::unary_samples,
  });
}
Tensor exp(const Tensor& x) { return apply(operations::exp(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// eˣ − 1, floating, exact to the last digits also for small x; at −inf it is −1. Derivative eˣ.
Tensor expm1(const Tensor& x);
#endif
WENGERT_OPERATION(expm1) {
  return pointwise(name, {
      .formula = [](Scalar x) { return expm1(x); },
      .samples = detail::unary_samples,
  });
}
Tensor expm1(const Tensor& x) { return apply(operations::expm1(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Natural logarithm ln x, floating. At ±0 it is −inf, below 0 NaN. Derivative 1 / x.
Tensor log(const Tensor& x);
#endif
WENGERT_OPERATION(log) {
  return pointwise(name, {
      .formula = [](Scalar x) { return log(x); },
      .samples = detail::positive_samples,
  });
}
Tensor log(const Tensor& x) { return apply(operations::log(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// ln(1 + x), floating, exact to the last digits also for small x. At −1 it is −inf, below NaN. Derivative 1 / (1 + x).
Tensor log1p(const Tensor& x);
#endif
WENGERT_OPERATION(log1p) {
  return pointwise(name, {
      .formula = [](Scalar x) { return log1p(x); },
      .samples = detail::positive_samples,
  });
}
Tensor log1p(const Tensor& x) { return apply(operations::log1p(), {x}); }

}  // namespace wengert
