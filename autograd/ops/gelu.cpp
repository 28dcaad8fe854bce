#include <numbers>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/internal/formulas.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using detail::beyond, detail::bounded;

constexpr double sqrt_8_over_pi = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
constexpr double cubic = 0.044715;

/// 2 √(2/π) (x + 0.044715 x³): ½ (1 + tanh u) is σ(2u).
Scalar tanh_argument(Scalar x) {
  const Scalar t = bounded(x);
  return sqrt_8_over_pi * (t + cubic * (t * t * t));
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// Gaussian error linear unit, x Φ(x) with the normal distribution function Φ(x) = ½ erfc(−x/√2), floating. Relatively exact
/// through the lower tail, until Φ is subnormal; −0 at −inf, inf at inf. Derivative Φ(x) + x φ(x) with φ(x) = exp(−x²/2) / √(2π).
/// Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.
Tensor gelu(const Tensor& x);
#endif
WENGERT_OPERATION(gelu) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, -beyond) * normal_cdf(x); },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        return dy * (normal_cdf(x) + bounded(x) * detail::normal_density(x));
      },
      .samples = detail::activation_samples,
  });
}
Tensor gelu(const Tensor& x) { return apply(operations::gelu(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// The approximation of gelu by tanh, ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), floating. Computed as x σ(2 …), so that it neither
/// cancels nor overflows in the lower tail, where the rounding of the argument, |2 …| units in the last place, is all that is lost;
/// −0 at −inf, inf at inf.
/// Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.
Tensor gelu_tanh(const Tensor& x);
#endif
WENGERT_OPERATION(gelu_tanh) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, -beyond) * logistic(tanh_argument(x)); },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        const Scalar u = tanh_argument(x);
        const Scalar t = bounded(x);
        const Scalar slope = sqrt_8_over_pi * (1.0 + 3.0 * cubic * t * t);
        return dy * (logistic(u) * (1.0 + t * slope * logistic(-u)));
      },
      .samples = detail::activation_samples,
  });
}
Tensor gelu_tanh(const Tensor& x) { return apply(operations::gelu_tanh(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// The approximation of gelu by the sigmoid, x σ(1.702 x), floating. In the lower tail the rounding of the argument, |1.702 x| units in the
/// last place, is all that is lost; −0 at −inf, inf at inf.
/// Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.
Tensor gelu_sigmoid(const Tensor& x);
#endif
WENGERT_OPERATION(gelu_sigmoid) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, -beyond) * logistic(1.702 * x); },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        const Scalar u = 1.702 * x;
        return dy * (logistic(u) * (1.0 + bounded(u) * logistic(-u)));
      },
      .samples = detail::activation_samples,
  });
}
Tensor gelu_sigmoid(const Tensor& x) { return apply(operations::gelu_sigmoid(), {x}); }

}  // namespace wengert
