#include <array>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// The smaller of a and b, with broadcasting; both of one dtype, any number. NaN if either is; −0 is below +0. Where they tie,
/// each has half of the derivative; where one is NaN, neither has any.
Tensor minimum(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(minimum) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return minimum(a, b); },
      .domain = Domain::numbers,
      .samples = detail::binary_samples,
  });
}
Tensor minimum(const Operand& a, const Operand& b) { return detail::apply_binary(operations::minimum(), a, b); }

#ifdef WENGERT_DECLARATIONS
/// The larger of a and b, with broadcasting; both of one dtype, any number. NaN if either is; −0 is below +0. Where they tie,
/// each has half of the derivative; where one is NaN, neither has any.
Tensor maximum(const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(maximum) {
  return pointwise(name, {
      .formula = [](Scalar a, Scalar b) { return maximum(a, b); },
      .domain = Domain::numbers,
      .samples = detail::binary_samples,
  });
}
Tensor maximum(const Operand& a, const Operand& b) { return detail::apply_binary(operations::maximum(), a, b); }

#ifdef WENGERT_DECLARATIONS
/// x kept between low and high: min(max(x, low), high), with broadcasting; all of one dtype, any number. NaN if any is; high
/// where low > high. The derivative goes to the bound in force where x is below low or above high, and to x elsewhere, as where
/// any is NaN.
Tensor clamp(const Tensor& x, const Operand& low, const Operand& high);
#endif
WENGERT_OPERATION(clamp) {
  return pointwise(name, {
      .formula = [](Scalar x, Scalar low, Scalar high) { return minimum(maximum(x, low), high); },
      .derivative = [](Scalar x, Scalar low, Scalar high, Scalar, Scalar dy) {
        return std::array{
            select(x < low || high < x, 0.0, dy),
            select(x < low && low <= high, dy, 0.0),
            select(high < maximum(x, low), dy, 0.0),
        };
      },
      .domain = Domain::numbers,
      .samples = [] {
        return std::vector<Sample>{
            {{Tensor({-3.0, -0.4, 0.2, 0.9, 7.0}), Tensor(-0.5), Tensor(1.0)}},
            {{Tensor({{0.3, 2.5}, {-1.5, 0.75}}), Tensor({{-1.0}, {0.5}}), Tensor({1.5, 2.0})}},
            {{Tensor(0.4), Tensor({1.0, -2.0}), Tensor({0.7, 3.0})}},
            {{zeros({0, 2}, DType::f64), Tensor(-1.0), Tensor({1.0, 2.0})}},
        };
      },
  });
}
Tensor clamp(const Tensor& x, const Operand& low, const Operand& high) {
  const Operation& operation = operations::clamp();
  const auto bound = [&](const Operand& operand) { return detail::as_tensor(operation.name, operand, x.dtype()); };
  return apply(operation, {x, bound(low), bound(high)});
}

#ifdef WENGERT_DECLARATIONS
/// a where the condition is true, b elsewhere, with broadcasting. The condition is boolean; a and b are of one dtype, any. The
/// derivative goes to the one that was taken; what the other one is there, inf or NaN, does not matter.
Tensor where(const Tensor& condition, const Operand& a, const Operand& b);
#endif
WENGERT_OPERATION(where) {
  return pointwise(name, {
      .category = Category::comparison,
      .formula = [](Scalar condition, Scalar a, Scalar b) { return select(condition, a, b); },
      .domain = Domain::any,
      .condition = true,
      .samples = [] {
        const Tensor condition({true, false, true});
        return std::vector<Sample>{
            {{condition, Tensor({0.5, -1.5, 2.0}), Tensor({3.0, 0.25, -0.75})}},
            {{condition, Tensor(1.5), Tensor({{0.5, 1.0, -2.0}, {4.0, 0.1, 0.3}})}},
            {{Tensor(false), Tensor({1.0, 2.0}), Tensor({{-1.0}, {-2.0}})}},
            {{Tensor({true}), zeros({2, 0}, DType::f64), Tensor(1.0)}},
        };
      },
  });
}
Tensor where(const Tensor& condition, const Operand& a, const Operand& b) {
  const Operation& operation = operations::where();
  if (a.is_number() && b.is_number()) throw ValueError("where: both choices are numbers; expected a tensor as one of them");
  const DType dtype = a.is_number() ? b.tensor().dtype() : a.tensor().dtype();
  return apply(operation, {condition, detail::as_tensor(operation.name, a, dtype), detail::as_tensor(operation.name, b, dtype)});
}

}  // namespace wengert
