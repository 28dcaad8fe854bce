#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// Logistic sigmoid, σ(x) = 1 / (1 + e⁻ˣ), floating; derivative σ(x)(1 − σ(x)). Computed from e^−|x|, so that neither tail
/// overflows or loses digits: σ(−inf) = 0, σ(inf) = 1, NaN stays NaN.
Tensor sigmoid(const Tensor& x);
#endif
WENGERT_OPERATION(sigmoid) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) {
        const Scalar e = exp(-abs(x));
        return select(x < 0.0, e, 1.0) / (1.0 + e);
      },
      .derivative = [](Scalar, Scalar y, Scalar dy) { return dy * y * (1.0 - y); },
      .samples = detail::unary_samples,
  });
}
Tensor sigmoid(const Tensor& x) { return apply(operations::sigmoid(), {x}); }

}  // namespace wengert
