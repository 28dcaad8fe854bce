#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

std::vector<Sample> unary_logic_samples() {
  return {{{Tensor({true, false})}}, {{Tensor({0.0, -0.0, 0.5, -2.0})}}, {{Tensor(3)}}, {{zeros({0, 2}, DType::boolean)}}};
}

std::vector<Sample> binary_logic_samples() {
  return {
      {{Tensor({true, true, false, false}), Tensor({true, false, true, false})}},
      {{Tensor({{0.0}, {1.5}}), Tensor({-0.0, 2.0, 1e-300})}},
      {{Tensor(true), zeros({2, 0}, DType::boolean)}},
  };
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// Whether x is 0 (false), any dtype. The result is boolean; NaN counts as true, as every number but 0 does.
Tensor logical_not(const Tensor& x);
Tensor operator!(const Tensor& x);
#endif
WENGERT_OPERATION(logical_not) { return detail::truth(name, [](Scalar x) { return !x; }, unary_logic_samples); }
Tensor logical_not(const Tensor& x) { return apply(operations::logical_not(), {x}); }
Tensor operator!(const Tensor& x) { return logical_not(x); }

#ifdef WENGERT_DECLARATIONS
/// Whether a and b are both true, with broadcasting; both of one dtype, any. The result is boolean; every number but 0 counts
/// as true, NaN too. Both operands are computed: the operator does not stop at the first that is false.
Tensor logical_and(const Operand& a, const Operand& b);
Tensor operator&&(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(logical_and) { return detail::truth(name, [](Scalar a, Scalar b) { return a && b; }, binary_logic_samples); }
Tensor logical_and(const Operand& a, const Operand& b) { return detail::apply_binary(operations::logical_and(), a, b); }
Tensor operator&&(const Operand& a, const Operand& b) { return logical_and(a, b); }

#ifdef WENGERT_DECLARATIONS
/// Whether a or b is true, with broadcasting; both of one dtype, any. The result is boolean; every number but 0 counts as
/// true, NaN too. Both operands are computed: the operator does not stop at the first that is true.
Tensor logical_or(const Operand& a, const Operand& b);
Tensor operator||(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(logical_or) { return detail::truth(name, [](Scalar a, Scalar b) { return a || b; }, binary_logic_samples); }
Tensor logical_or(const Operand& a, const Operand& b) { return detail::apply_binary(operations::logical_or(), a, b); }
Tensor operator||(const Operand& a, const Operand& b) { return logical_or(a, b); }

#ifdef WENGERT_DECLARATIONS
/// Whether x is neither infinite nor NaN, any dtype; true for every integer. The result is boolean.
Tensor isfinite(const Tensor& x);
#endif
WENGERT_OPERATION(isfinite) { return detail::truth(name, [](Scalar x) { return is_finite(x); }, detail::unary_samples); }
Tensor isfinite(const Tensor& x) { return apply(operations::isfinite(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Whether x is inf or −inf, any dtype; false for every integer. The result is boolean.
Tensor isinf(const Tensor& x);
#endif
WENGERT_OPERATION(isinf) { return detail::truth(name, [](Scalar x) { return !(is_finite(x) || is_nan(x)); }, detail::unary_samples); }
Tensor isinf(const Tensor& x) { return apply(operations::isinf(), {x}); }

#ifdef WENGERT_DECLARATIONS
/// Whether x is NaN, any dtype; false for every integer. The result is boolean.
Tensor isnan(const Tensor& x);
#endif
WENGERT_OPERATION(isnan) { return detail::truth(name, [](Scalar x) { return is_nan(x); }, detail::unary_samples); }
Tensor isnan(const Tensor& x) { return apply(operations::isnan(), {x}); }

}  // namespace wengert
