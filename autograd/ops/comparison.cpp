#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

std::vector<Sample> comparison_samples() {
  return {
      {{detail::sample_matrix(), Tensor({{0.5, 1.25, 1.0}, {-0.75, 2.5, -3.5}})}},
      {{Tensor({1, 2, 3}), Tensor({{2}, {3}})}},
      {{Tensor({false, true}), Tensor(true)}},
      {{zeros({0, 2}, DType::f64), Tensor({1.0, 2.0})}},
  };
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// a < b, with broadcasting; both of one dtype, any. The result is boolean: false where either is NaN; −0 equals +0, and
/// false is below true.
Tensor less(const Operand& a, const Operand& b);
Tensor operator<(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(less) { return detail::truth(name, [](Scalar a, Scalar b) { return a < b; }, comparison_samples); }
Tensor less(const Operand& a, const Operand& b) { return detail::apply_binary(operations::less(), a, b); }
Tensor operator<(const Operand& a, const Operand& b) { return less(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a ≤ b, with broadcasting; both of one dtype, any. The result is boolean: false where either is NaN; −0 equals +0, and
/// false is below true.
Tensor less_equal(const Operand& a, const Operand& b);
Tensor operator<=(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(less_equal) { return detail::truth(name, [](Scalar a, Scalar b) { return a <= b; }, comparison_samples); }
Tensor less_equal(const Operand& a, const Operand& b) { return detail::apply_binary(operations::less_equal(), a, b); }
Tensor operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a > b, with broadcasting; both of one dtype, any. The result is boolean: false where either is NaN; −0 equals +0, and
/// false is below true.
Tensor greater(const Operand& a, const Operand& b);
Tensor operator>(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(greater) { return detail::truth(name, [](Scalar a, Scalar b) { return a > b; }, comparison_samples); }
Tensor greater(const Operand& a, const Operand& b) { return detail::apply_binary(operations::greater(), a, b); }
Tensor operator>(const Operand& a, const Operand& b) { return greater(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a ≥ b, with broadcasting; both of one dtype, any. The result is boolean: false where either is NaN; −0 equals +0, and
/// false is below true.
Tensor greater_equal(const Operand& a, const Operand& b);
Tensor operator>=(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(greater_equal) { return detail::truth(name, [](Scalar a, Scalar b) { return a >= b; }, comparison_samples); }
Tensor greater_equal(const Operand& a, const Operand& b) { return detail::apply_binary(operations::greater_equal(), a, b); }
Tensor operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a = b, with broadcasting; both of one dtype, any. The result is boolean: false where either is NaN; −0 equals +0, and
/// false is below true.
Tensor equal(const Operand& a, const Operand& b);
Tensor operator==(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(equal) { return detail::truth(name, [](Scalar a, Scalar b) { return a == b; }, comparison_samples); }
Tensor equal(const Operand& a, const Operand& b) { return detail::apply_binary(operations::equal(), a, b); }
Tensor operator==(const Operand& a, const Operand& b) { return equal(a, b); }

#ifdef WENGERT_DECLARATIONS
/// a ≠ b, with broadcasting; both of one dtype, any. The result is boolean: true where either is NaN; −0 equals +0, and
/// false is below true.
Tensor not_equal(const Operand& a, const Operand& b);
Tensor operator!=(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(not_equal) { return detail::truth(name, [](Scalar a, Scalar b) { return a != b; }, comparison_samples); }
Tensor not_equal(const Operand& a, const Operand& b) { return detail::apply_binary(operations::not_equal(), a, b); }
Tensor operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }

}  // namespace wengert
