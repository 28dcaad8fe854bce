#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// Away from where these functions jump: the integers and their halves.
std::vector<Sample> rounding_samples() {
  return {
      {{Tensor({-2.7, -1.2, -0.3, 0.4, 1.1, 3.8})}},
      {{Tensor({{0.1, -0.2, 0.7}, {-6.3, 1e6 + 0.25, 1e-3}})}},
      {{Tensor(0.75)}},
      {{zeros({2, 0}, DType::f64)}},
  };
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The largest integer not above x, any number; ±0, ±inf and NaN stay what they are. Derivative 0.
Tensor floor(const Tensor& x);
#endif
WENGERT_OPERATION(floor) {
  return pointwise(name, {
      .formula = [](Scalar x) { return floor(x); },
      .domain = Domain::numbers,
      .samples = rounding_samples,
  });
}
Tensor floor(const Tensor& x) { return apply(operations::floor(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// The smallest integer not below x, any number; ±0, ±inf and NaN stay what they are, and −0.5 becomes −0. Derivative 0.
Tensor ceil(const Tensor& x);
#endif
WENGERT_OPERATION(ceil) {
  return pointwise(name, {
      .formula = [](Scalar x) { return ceil(x); },
      .domain = Domain::numbers,
      .samples = rounding_samples,
  });
}
Tensor ceil(const Tensor& x) { return apply(operations::ceil(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// The nearest integer, of two equally near ones the even one, any number; ±0, ±inf and NaN stay what they are. Derivative 0.
Tensor round(const Tensor& x);
#endif
WENGERT_OPERATION(round) {
  return pointwise(name, {
      .formula = [](Scalar x) { return round(x); },
      .domain = Domain::numbers,
      .samples = rounding_samples,
  });
}
Tensor round(const Tensor& x) { return apply(operations::round(), {x}); }

}  // namespace wengert
