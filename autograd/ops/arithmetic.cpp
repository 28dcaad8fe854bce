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

}  // namespace wengert
