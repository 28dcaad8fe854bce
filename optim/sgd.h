#pragma once

#include <wengert/optim/optimizer.h>

namespace wengert::optim {

struct SGDOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
};

/// Stochastic gradient descent, as Keras writes it. Without momentum p −= η g. With momentum μ the velocity
/// u ← μ u − η g is kept ("velocity"), and p += u; Nesterov's looks ahead: p += μ u − η g. A velocity below 2⁻⁷⁶
/// (2⁻⁹⁰⁰ in f64) in magnitude is 0, as Adam's first moment. Sutskever, Martens, Dahl and Hinton, "On the importance of
/// initialization and momentum in deep learning" (ICML 2013).
class SGD : public Optimizer {
 public:
  /// Throws ValueError for a momentum out of [0, 1], for Nesterov's without momentum, and as every optimiser does.
  explicit SGD(const std::vector<Parameter>& parameters, const SGDOptions& options = {});

 private:
  void update(Parameter& parameter, const Tensor& gradient, const Tensor& rate, const Tensor& learning_rate,
              std::span<Tensor> state) override;

  const Operation* operation_;
  Attributes f32_attributes_, f64_attributes_;
};

}  // namespace wengert::optim
