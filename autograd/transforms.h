#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <wengert/autograd/tape.h>
#include <wengert/autograd/tensor.h>

/// Functions from functions to functions. What a tape is to take as a constant goes through `stop_gradient`.

namespace wengert {

/// A function from one tensor to one tensor.
template <typename F>
concept TensorFunction = std::is_invocable_r_v<Tensor, const F&, const Tensor&>;

struct ValueAndGrad {
  Tensor value, gradient;
};

/// x ↦ (f(x), ∇f(x)) for a scalar-valued f. Nests: the gradient can be differentiated again.
template <TensorFunction F>
auto value_and_grad(F f) {
  return [f = std::move(f)](const Tensor& x) {
    Tape tape;
    const Tensor variable = tape.watch(x);
    Tensor value = f(variable);
    Tensor gradient = tape.gradient(value, variable);
    return ValueAndGrad{std::move(value), std::move(gradient)};
  };
}

/// x ↦ ∇f(x) for a scalar-valued f.
template <TensorFunction F>
auto grad(F f) {
  return [f = std::move(f)](const Tensor& x) {
    Tape tape;
    const Tensor variable = tape.watch(x);
    return tape.gradient(f(variable), variable);
  };
}

/// (x, v) ↦ vᵀ · ∂f/∂x, the vector–Jacobian product; v has the shape of f(x).
template <TensorFunction F>
auto vjp(F f) {
  return [f = std::move(f)](const Tensor& x, const Tensor& v) {
    Tape tape;
    const Tensor variable = tape.watch(x);
    return tape.gradient(f(variable), variable, v);
  };
}

/// (x, v) ↦ ∂f/∂x · v, the Jacobian–vector product or derivative along v, which has the shape of x; the result has that
/// of f(x). The vector–Jacobian product is linear in its vector, and this its gradient by it (Townsend, "A new trick
/// for calculating Jacobian vector products", 2017): about three times the work of f.
template <TensorFunction F>
auto jvp(F f) {
  return [f = std::move(f)](const Tensor& x, const Tensor& v) {
    Tape by_seed, tape;
    const Tensor variable = tape.watch(x);
    const Tensor y = f(variable);
    const Tensor seed = by_seed.watch(zeros(y.shape(), y.dtype()));
    return by_seed.gradient(tape.gradient(y, variable, seed), seed, v);
  };
}

/// (x, v) ↦ ∇²f(x) · v for a scalar-valued f, the Hessian–vector product: without the Hessian, for about the work of
/// two gradients.
template <TensorFunction F>
auto hvp(F f) {
  return vjp(grad(std::move(f)));  // the Hessian is symmetric
}

namespace detail {

Tensor jacobian(Tape& tape, const Tensor& y, const Tensor& variable);

/// Functions as records keep them.
using Function = std::function<Tensor(const Tensor& x)>;
using Rule = std::function<Tensor(const Tensor& x, const Tensor& y, const Tensor& dy)>;

Tensor checkpoint(const Function& f, const Tensor& x);
Tensor custom_vjp(const Function& f, const Rule& rule, const Tensor& x);

/// Of one that cannot be copied, too.
template <typename F>
auto shared(F f) {
  return [f = std::make_shared<const F>(std::move(f))](const auto&... xs) { return (*f)(xs...); };
}

}  // namespace detail

/// x ↦ ∂f/∂x, whose axes are those of f(x) and then those of x: one walk backward for each element of f(x). Throws
/// ShapeError where that is more than eight axes.
template <TensorFunction F>
auto jacobian(F f) {
  return [f = std::move(f)](const Tensor& x) {
    Tape tape;
    const Tensor variable = tape.watch(x);
    return detail::jacobian(tape, f(variable), variable);
  };
}

/// x ↦ ∇²f(x) for a scalar-valued f; its axes are those of x twice.
template <TensorFunction F>
auto hessian(F f) {
  return jacobian(grad(std::move(f)));
}

/// x ↦ f(x), of which a tape keeps x alone: f is called again when a derivative is asked for, and finds parameters,
/// slots and flags, and so random numbers, as they were. Less memory for about one call of f more (Chen et al.,
/// "Training Deep Nets with Sublinear Memory Cost", 2016). Values and derivatives, of every order, are those of f, to
/// the bit where no adjoints of f's parts are added to those of other parts. To tapes, what f leaves elsewhere (in
/// slots, in variables of the host) is a constant, and its result just a result: probabilities of a softmax within f
/// are no logits to a loss outside. Throws GradientError where f uses other variables than x and parameters, which
/// must be its argument. What f refers to must live as long as the tape.
template <TensorFunction F>
auto checkpoint(F f) {
  return [f = detail::Function(detail::shared(std::move(f)))](const Tensor& x) { return detail::checkpoint(f, x); };
}

/// What gives ∂loss/∂x from x, y = f(x) and dy = ∂loss/∂y.
template <typename R>
concept VjpRule = std::is_invocable_r_v<Tensor, const R&, const Tensor&, const Tensor&, const Tensor&>;

/// x ↦ f(x), whose vector–Jacobian product is rule(x, y, dy), of x's shape and dtype: where the derivative of f's
/// operations is not what is wanted (a gradient passed through a rounding, or clipped) or not the best way to it. With
/// a rule written with operations, derivatives of higher order are those of the rule. Variables other than x and
/// parameters throw GradientError in f, as the rule tells nothing of them: take stop_gradient of them before.
template <TensorFunction F, VjpRule R>
auto custom_vjp(F f, R rule) {
  return [f = detail::Function(detail::shared(std::move(f))), rule = detail::Rule(detail::shared(std::move(rule)))](
             const Tensor& x) { return detail::custom_vjp(f, rule, x); };
}

}  // namespace wengert
