#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// Error function (2/√π) ∫₀ˣ exp(−t²) dt, floating; ±1 at ±inf. Derivative (2/√π) exp(−x²).
Tensor erf(const Tensor& x);
#endif
WENGERT_OPERATION(erf) {
  return pointwise(name, {
      .formula = [](Scalar x) { return erf(x); },
      .samples = detail::unary_samples,
  });
}
Tensor erf(const Tensor& x) { return apply(operations::erf(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// 1 − erf x, floating, without cancellation in the tail: its digits hold until it underflows. 2 at −inf, 0 at inf.
/// Derivative −(2/√π) exp(−x²).
Tensor erfc(const Tensor& x);
#endif
WENGERT_OPERATION(erfc) {
  return pointwise(name, {
      .formula = [](Scalar x) { return erfc(x); },
      .samples = detail::unary_samples,
  });
}
Tensor erfc(const Tensor& x) { return apply(operations::erfc(), {x}); }

}  // namespace wengert
