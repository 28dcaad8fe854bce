#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// x², any number. Integers wrap.
Tensor square(const Tensor& x);
#endif
WENGERT_OPERATION(square) {
  return pointwise(name, {
      .formula = [](Scalar x) { return x * x; },
      .derivative = [](Scalar x, Scalar, Scalar dy) { return dy * (2.0 * x); },
      .domain = Domain::numbers,
      .samples = detail::unary_samples,
  });
}
Tensor square(const Tensor& x) { return apply(operations::square(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// √x, floating, correctly rounded; √−0 = −0, NaN below 0. Derivative 1 / (2√x), at 0 inf.
Tensor sqrt(const Tensor& x);
#endif
WENGERT_OPERATION(sqrt) {
  return pointwise(name, {
      .formula = [](Scalar x) { return sqrt(x); },
      .samples = detail::positive_samples,
  });
}
Tensor sqrt(const Tensor& x) { return apply(operations::sqrt(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// 1 / √x, floating. At ±0 it is ±inf, at inf 0, below 0 NaN. Derivative −1 / (2x√x).
Tensor rsqrt(const Tensor& x);
#endif
WENGERT_OPERATION(rsqrt) {
  return pointwise(name, {
      .formula = [](Scalar x) { return 1.0 / sqrt(x); },
      .derivative = [](Scalar x, Scalar y, Scalar dy) { return dy * (-0.5 * y / x); },
      .samples = detail::positive_samples,
  });
}
Tensor rsqrt(const Tensor& x) { return apply(operations::rsqrt(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// aᵇ, with broadcasting, floating. The special cases are those of IEEE 754: a⁰ = 1 and 1ᵇ = 1 even for NaN, 0ᵇ = 0 for b > 0 and
/// inf for b < 0, NaN for a < 0 unless b is an integer. Derivatives b aᵇ⁻¹ and aᵇ ln a; where a = 0 ≤ b the second is 0, as is
/// the first for b = 0; for a < 0 there is no second one, and it is NaN.
Tensor pow(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(pow) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return pow(a, b); },
      .samples = [] {
        return std::vector<Sample>{
            {{Tensor({0.5, 1.5, 2.0, 1e-2, 30.0}), Tensor({-1.5, 0.7, 3.0, 0.5, 1.25})}},
            {{Tensor({{0.3}, {1.75}}), Tensor({{2.5, -0.4, 1.0}})}},
            {{Tensor(1.25), Tensor({2.0, -3.0})}},
            {{zeros({0, 2}, DType::f64), Tensor(2.0)}},
        };
      },
  });
}
Tensor pow(const Operand& a, const Operand& b) { return detail::apply_binary(operations::pow(), a, b); }

#ifdef WENGERT_DECLARATIONS
/// √(a² + b²), with broadcasting, floating; neither overflows nor underflows between. inf if either is infinite, even where the
/// other is NaN. Derivatives a/√(a² + b²) and b/√(a² + b²); at the origin, where there are none, both are 0.
Tensor hypot(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(hypot) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return hypot(a, b); },
      .samples = detail::binary_samples,
  });
}
Tensor hypot(const Operand& a, const Operand& b) { return detail::apply_binary(operations::hypot(), a, b); }

}  // namespace wengert
