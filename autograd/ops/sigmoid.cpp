#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/internal/formulas.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using detail::beyond, detail::bounded;

/// With e = e^−|x|: tanh(ln(1 + eˣ)) is e (e + 2) / (e (e + 2) + 2) for x < 0 and 1 − 2e² / (1 + 2e + 2e²) from 0 on. Nothing cancels,
/// in these two or in their derivatives.
struct TanhSoftplus {
  Scalar value, derivative;
};
TanhSoftplus tanh_softplus(Scalar x) {
  const Scalar is_negative = x < 0.0;
  const Scalar e = exp(select(is_negative, x, -x));
  const Scalar denominator = select(is_negative, 2.0 + e * (e + 2.0), 1.0 + 2.0 * e * (1.0 + e));
  const Scalar quotient = select(is_negative, e * (e + 2.0), 2.0 * e * e) / denominator;
  const Scalar derivative = 4.0 * select(is_negative, e, e * e) * (1.0 + e) / denominator / denominator;
  return {select(is_negative, quotient, 1.0 - quotient), derivative};
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// Logistic sigmoid, σ(x) = 1 / (1 + e⁻ˣ), floating. Computed from e^−|x|, so that neither tail overflows or loses digits: 0 at
/// −inf, 1 at inf. Derivative σ(x) (1 − σ(x)), from the value alone: to within a rounding of 1, so that it is 0 from x ≈ 37 on (in f32, 17).
Tensor sigmoid(const Tensor& x);
#endif
WENGERT_OPERATION(sigmoid) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return logistic(x); },
      .derivative = [](Scalar, Scalar y, Scalar dy) { return dy * y * (1.0 - y); },
      .samples = detail::activation_samples,
  });
}
Tensor sigmoid(const Tensor& x) { return apply(operations::sigmoid(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// ln σ(x) = −ln(1 + e⁻ˣ), floating; x at the lower end, −e⁻ˣ at the upper, without loss of digits. −inf at −inf, 0 at inf.
/// Derivative σ(−x).
Tensor log_sigmoid(const Tensor& x);
#endif
WENGERT_OPERATION(log_sigmoid) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return minimum(x, 0.0) - log1p(exp(-abs(x))); },
      .derivative = [](Scalar x, Scalar, Scalar dy) { return dy * logistic(-x); },
      .samples = detail::activation_samples,
  });
}
Tensor log_sigmoid(const Tensor& x) { return apply(operations::log_sigmoid(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// ln(1 + eˣ), floating; eˣ at the lower end, x at the upper, without loss of digits. 0 at −inf, inf at inf. Derivative σ(x).
/// Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating second-order functional knowledge for better option pricing", 2000.
Tensor softplus(const Tensor& x);
#endif
WENGERT_OPERATION(softplus) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, 0.0) + log1p(exp(-abs(x))); },
      .derivative = [](Scalar x, Scalar, Scalar dy) { return dy * logistic(x); },
      .samples = detail::activation_samples,
  });
}
Tensor softplus(const Tensor& x) { return apply(operations::softplus(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Sigmoid linear unit or swish, x σ(x), floating; x eˣ at the lower end, without loss of digits until eˣ is subnormal. −0 at −inf, inf at inf.
/// Derivative σ(x) (1 + x σ(−x)).
/// Hendrycks and Gimpel, "Gaussian error linear units", 2016; Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for
/// neural network function approximation in reinforcement learning", 2017; Ramachandran, Zoph and Le, "Searching for
/// activation functions", 2017.
Tensor silu(const Tensor& x);
#endif
WENGERT_OPERATION(silu) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, -beyond) * logistic(x); },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        return dy * (logistic(x) * (1.0 + bounded(x) * logistic(-x)));
      },
      .samples = detail::activation_samples,
  });
}
Tensor silu(const Tensor& x) { return apply(operations::silu(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// x tanh(softplus(x)), floating; x eˣ at the lower end, x at the upper, without loss of digits until eˣ is subnormal. −0 at −inf, inf at inf.
/// Derivative: that of the product.
/// Misra, "Mish: a self regularized non-monotonic activation function", 2019.
Tensor mish(const Tensor& x);
#endif
WENGERT_OPERATION(mish) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, -beyond) * tanh_softplus(x).value; },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        const auto [value, derivative] = tanh_softplus(x);
        return dy * (value + bounded(x) * derivative);
      },
      .samples = detail::activation_samples,
  });
}
Tensor mish(const Tensor& x) { return apply(operations::mish(), {x}); }

}  // namespace wengert
