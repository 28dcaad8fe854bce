#pragma once

#include <support/compiled.h>

#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

/// What tests ask of gradients.

namespace wengert {

inline Tensors gradients_of(const Gradients& gradients) {
  Tensors tensors;
  for (const auto& [parameter, gradient] : gradients) tensors.push_back(gradient);
  return tensors;
}

template <typename F>
Tensors values_and_gradients(const F& f, const Tensor& x) {
  Tape tape;
  const Tensor variable = tape.watch(x), loss = sum(square(f(variable)) * 0.5);
  Tensors all = gradients_of(tape.gradient(loss));
  all.push_back(tape.gradient(loss, variable));
  all.push_back(loss);
  return all;
}

}  // namespace wengert
