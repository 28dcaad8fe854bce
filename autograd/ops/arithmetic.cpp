#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// x itself, as a new value of the tape.
Tensor identity(const Tensor& x);
#endif
WENGERT_OPERATION(identity) {
  return pointwise(name, {
      .formula = [](Scalar x) { return x; },
      .domain = Domain::any,
      .samples = [] { return std::vector<Sample>{{{Tensor({-1.5, 0.0, 2.0})}}, {{Tensor(0.5)}}, {{zeros({0, 2}, DType::f64)}}}; },
  });
}
Tensor identity(const Tensor& x) { return apply(operations::identity(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// a + b with broadcasting; both of one dtype, any number. Integers wrap.
Tensor add(const Operand& a, const Operand& b);
Tensor operator+(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(add) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return a + b; },
      .domain = Domain::numbers,
      .samples = detail::binary_samples,
  });
}
Tensor add(const Operand& a, const Operand& b) { return detail::apply_binary(operations::add(), a, b); }
Tensor operator+(const Operand& a, const Operand& b) { return add(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a − b with broadcasting; both of one dtype, any number. Integers wrap.
Tensor sub(const Operand& a, const Operand& b);
Tensor operator-(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(sub) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return a - b; },
      .domain = Domain::numbers,
      .samples = detail::binary_samples,
  });
}
Tensor sub(const Operand& a, const Operand& b) { return detail::apply_binary(operations::sub(), a, b); }
Tensor operator-(const Operand& a, const Operand& b) { return sub(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a · b elementwise with broadcasting; both of one dtype, any number. Integers wrap.
Tensor mul(const Operand& a, const Operand& b);
Tensor operator*(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(mul) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return a * b; },
      .domain = Domain::numbers,
      .samples = detail::binary_samples,
  });
}
Tensor mul(const Operand& a, const Operand& b) { return detail::apply_binary(operations::mul(), a, b); }
Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a / b elementwise with broadcasting, floating. Division by 0 gives ±inf or NaN, as IEEE 754 says.
Tensor div(const Operand& a, const Operand& b);
Tensor operator/(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(div) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return a / b; },
      .samples = detail::binary_samples,
  });
}
Tensor div(const Operand& a, const Operand& b) { return detail::apply_binary(operations::div(), a, b); }
Tensor operator/(const Operand& a, const Operand& b) { return div(a, b); }

#ifdef WENGERT_DECLARATIONS
/// −x, any number.
Tensor neg(const Tensor& x);
Tensor operator-(const Tensor& x);
#endif
WENGERT_OPERATION(neg) {
  return pointwise(name, {
      .formula = [](Scalar x) { return -x; },
      .domain = Domain::numbers,
      .samples = detail::unary_samples,
  });
}
Tensor neg(const Tensor& x) { return apply(operations::neg(), {x}); }
Tensor operator-(const Tensor& x) { return neg(x); }

#ifdef WENGERT_DECLARATIONS
/// |x|, any number. Derivative: the sign of x, at 0 that is 0, at NaN that of its sign bit. |−0| = 0; NaN stays NaN. The smallest integer wraps to itself.
Tensor abs(const Tensor& x);
#endif
WENGERT_OPERATION(abs) {
  return pointwise(name, {
      .formula = [](Scalar x) { return abs(x); },
      .domain = Domain::numbers,
      .kinks = {0.0},
      .samples = detail::unary_samples,
  });
}
Tensor abs(const Tensor& x) { return apply(operations::abs(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// 1, 0 or −1 as x is above, equal to or below 0, any number. ±0 and NaN stay what they are. Derivative 0.
Tensor sign(const Tensor& x);
#endif
WENGERT_OPERATION(sign) {
  return pointwise(name, {
      .formula = [](Scalar x) { return select(x == 0.0 || is_nan(x), x, copy_sign(1.0, x)); },
      .derivative = [](Scalar, Scalar, Scalar) { return Scalar(0.0); },
      .domain = Domain::numbers,
      .kinks = {0.0},
      .samples = detail::unary_samples,
  });
}
Tensor sign(const Tensor& x) { return apply(operations::sign(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// 1 / x, floating. 1 / ±0 = ±inf, 1 / ±inf = ±0. Derivative −1 / x².
Tensor reciprocal(const Tensor& x);
#endif
WENGERT_OPERATION(reciprocal) {
  return pointwise(name, {
      .formula = [](Scalar x) { return 1.0 / x; },
      .derivative = [](Scalar, Scalar y, Scalar dy) { return -(dy * y * y); },
      .samples = detail::nonzero_samples,
  });
}
Tensor reciprocal(const Tensor& x) { return apply(operations::reciprocal(), {x}); }

}  // namespace wengert
