#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// x / (1 + |x|), floating; ±1 at ±inf. Derivative 1 / (1 + |x|)², whose own has a kink at 0.
/// Turian, Bergstra and Bengio, "Quadratic features and deep architectures for chunking", 2009.
Tensor softsign(const Tensor& x);
#endif
WENGERT_OPERATION(softsign) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) {
        const Scalar t = maximum(minimum(x, 0x1p100), -0x1p100);  // where it is ±1 already
        return t / (1.0 + abs(t));
      },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        const Scalar d = 1.0 + abs(x);
        return dy / d / d;
      },
      .kinks = {0.0},
      .samples = detail::activation_samples,
  });
}
Tensor softsign(const Tensor& x) { return apply(operations::softsign(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// min(max(x + 3, 0), 6) / 6, floating, as in Keras 3 (before, Keras took 0.2 x + 0.5). Derivative 1/6 within (−3, 3), else 0.
/// Howard et al., "Searching for MobileNetV3", 2019.
Tensor hard_sigmoid(const Tensor& x);
#endif
WENGERT_OPERATION(hard_sigmoid) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return minimum(maximum(x + 3.0, 0.0), 6.0) / 6.0; },
      .derivative = [](Scalar x, Scalar, Scalar dy) { return select(abs(x) < 3.0, dy / 6.0, 0.0); },
      .kinks = {-3.0, 3.0},
      .samples = detail::activation_samples,
  });
}
Tensor hard_sigmoid(const Tensor& x) { return apply(operations::hard_sigmoid(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// min(max(x, −1), 1), floating. Derivative 1 within (−1, 1), else 0.
/// Collobert, "Large scale machine learning", 2004.
Tensor hard_tanh(const Tensor& x);
#endif
WENGERT_OPERATION(hard_tanh) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return minimum(maximum(x, -1.0), 1.0); },
      .derivative = [](Scalar x, Scalar, Scalar dy) { return select(abs(x) < 1.0, dy, 0.0); },
      .kinks = {-1.0, 1.0},
      .samples = detail::activation_samples,
  });
}
Tensor hard_tanh(const Tensor& x) { return apply(operations::hard_tanh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// x min(max(x + 3, 0), 6) / 6, floating; −0 at −inf, inf at inf. Derivative 0 up to −3, 1 from 3 on, (2x + 3) / 6 between.
/// Howard et al., "Searching for MobileNetV3", 2019.
Tensor hard_swish(const Tensor& x);
#endif
WENGERT_OPERATION(hard_swish) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, -3.0) * (minimum(maximum(x + 3.0, 0.0), 6.0) / 6.0); },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        return dy * select(abs(x) < 3.0, (2.0 * x + 3.0) / 6.0, select(x < 0.0, 0.0, 1.0));
      },
      .kinks = {-3.0, 3.0},
      .samples = detail::activation_samples,
  });
}
Tensor hard_swish(const Tensor& x) { return apply(operations::hard_swish(), {x}); }

}  // namespace wengert
