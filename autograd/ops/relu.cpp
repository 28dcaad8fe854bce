#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

// The fixed point (0, 1) of mean and variance determines both.
constexpr double selu_lambda = 1.0507009873554804934;
constexpr double selu_alpha = 1.6732632423543772848;

/// x up to 0: what an exponential that is not taken above 0 may be given.
Scalar negative_part(Scalar x) { return select(x > 0.0, 0.0, x); }

/// How many results celu has: none for an α that it is not made for.
std::size_t count_celu(const Attributes& attributes) {
  const double alpha = attributes.number("alpha");
  if (alpha > 0 && std::isfinite(alpha)) return 1;
  throw ValueError(fmt::format("celu: alpha is {}; expected a finite number above 0", alpha));
}

std::vector<Sample> alpha_samples() {
  std::vector<Sample> samples = detail::activation_samples();
  samples[1].attributes = {{"alpha", 0.5}};
  return samples;
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// Rectified linear unit, max(x, 0), any number. NaN stays NaN; −0 becomes 0. Derivative 1 above 0, else 0, at the kink too.
/// Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
Tensor relu(const Tensor& x);
#endif
WENGERT_OPERATION(relu) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return maximum(x, 0.0); },
      .derivative = [](Scalar, Scalar y, Scalar dy) { return select(y > 0.0, dy, 0.0); },
      .domain = Domain::numbers,
      .kinks = {0.0},
      .samples = detail::activation_samples,
  });
}
Tensor relu(const Tensor& x) { return apply(operations::relu(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Leaky rectified linear unit, x above 0, else slope · x; floating. Derivative 1 above 0, else the slope, at the kink too. The
/// slope is 0.01, as in the paper; that of Keras's layer is 0.3, of Keras's function 0.2.
/// Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);
#endif
WENGERT_OPERATION(leaky_relu) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x, Scalar slope) { return select(x > 0.0, x, slope * x); },
      .derivative = [](Scalar x, Scalar, Scalar dy, Scalar slope) { return select(x > 0.0, dy, slope * dy); },
      .attributes = {{"slope", 0.01}},
      .kinks = {0.0},
      .samples = [] {
        std::vector<Sample> samples = detail::activation_samples();
        samples[1].attributes = {{"slope", 0.3}};
        return samples;
      },
  });
}
Tensor leaky_relu(const Tensor& x, double slope) { return apply(operations::leaky_relu(), {x}, {{"slope", slope}}); }

#ifdef WENGERT_DECLARATIONS
/// Exponential linear unit, x above 0, else α (eˣ − 1); floating. −α at −inf. Derivative 1 above 0, else α eˣ; for α ≠ 1 there
/// is a kink at 0, where it is α.
/// Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units", 2015.
Tensor elu(const Tensor& x, double alpha = 1.0);
#endif
WENGERT_OPERATION(elu) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x, Scalar alpha) { return select(x > 0.0, x, alpha * expm1(negative_part(x))); },
      .derivative = [](Scalar x, Scalar, Scalar dy, Scalar alpha) { return select(x > 0.0, dy, dy * alpha * exp(negative_part(x))); },
      .attributes = {{"alpha", 1.0}},
      .kinks = {0.0},
      .samples = alpha_samples,
  });
}
Tensor elu(const Tensor& x, double alpha) { return apply(operations::elu(), {x}, {{"alpha", alpha}}); }

#ifdef WENGERT_DECLARATIONS
/// Scaled exponential linear unit, λx above 0, else λα (eˣ − 1), with λ ≈ 1.0507 and α ≈ 1.6733 such that mean 0 and variance 1
/// are kept from layer to layer; floating. −λα at −inf. Derivative λ above 0, else λα eˣ, at the kink too.
/// Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", 2017.
Tensor selu(const Tensor& x);
#endif
WENGERT_OPERATION(selu) {
  return pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x) { return select(x > 0.0, selu_lambda * x, selu_lambda * selu_alpha * expm1(negative_part(x))); },
      .derivative = [](Scalar x, Scalar, Scalar dy) {
        return dy * select(x > 0.0, selu_lambda, selu_lambda * selu_alpha * exp(negative_part(x)));
      },
      .kinks = {0.0},
      .samples = detail::activation_samples,
  });
}
Tensor selu(const Tensor& x) { return apply(operations::selu(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Continuously differentiable exponential linear unit, x above 0, else α (exp(x/α) − 1), for α > 0; floating. −α at −inf.
/// Derivative 1 above 0, else exp(x/α). Throws ValueError for another α.
/// Barron, "Continuously differentiable exponential linear units", 2017.
Tensor celu(const Tensor& x, double alpha = 1.0);
#endif
WENGERT_OPERATION(celu) {
  Operation operation = pointwise(name, {
      .category = Category::activation,
      .formula = [](Scalar x, Scalar alpha) { return select(x > 0.0, x, alpha * expm1(negative_part(x) / alpha)); },
      .derivative = [](Scalar x, Scalar, Scalar dy, Scalar alpha) { return select(x > 0.0, dy, dy * exp(negative_part(x) / alpha)); },
      .attributes = {{"alpha", 1.0}},
      .kinks = {0.0},
      .samples = alpha_samples,
  });
  operation.count_outputs = count_celu;
  return operation;
}
Tensor celu(const Tensor& x, double alpha) { return apply(operations::celu(), {x}, {{"alpha", alpha}}); }

}  // namespace wengert
