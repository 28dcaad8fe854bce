#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <wengert/autograd/tape.h>

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

}  // namespace wengert
