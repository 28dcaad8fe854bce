#pragma once

#include <wengert/optim/optimizer.h>

namespace wengert::optim {

struct AdamOptions {
  LearningRate learning_rate = 1e-3;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
};

/// Adam in the form of Keras, ε outside the bias correction; in step t, counted from 1:
///
///     m ← m + (1 − β₁)(g − m)        v ← v + (1 − β₂)(g² − v)
///     p ← p − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), the form before section 2.1. m and v are
/// kept; m below 2⁻⁷⁶ (2⁻⁹⁰⁰ in f64) in magnitude as 0, and v as well where √v does not count beside ε: what gets no
/// gradient any more would end in subnormal numbers, with which many processors are a hundred times slower.
class Adam : public Optimizer {
 public:
  /// Throws ValueError for a β out of [0, 1), an ε that is negative, not finite, or subnormal in a parameter's dtype
  /// (its reciprocal would be infinite), and as every optimiser does. With an ε of 0, entries without a gradient become
  /// NaN.
  explicit Adam(const std::vector<Parameter>& parameters, const AdamOptions& options = {});

 protected:
  /// `name` is called in errors.
  Adam(const char* name, const std::vector<Parameter>& parameters, const AdamOptions& options, double weight_decay);

 private:
  Tensor step_rate(const Tensor& learning_rate, const Tensor& step) const override;
  void update(Parameter& parameter, const Tensor& gradient, const Tensor& rate, const Tensor& learning_rate,
              std::span<Tensor> state) override;

  double beta_1_, beta_2_, weight_decay_;
  Attributes f32_attributes_, f64_attributes_;
};

/// What is left out is as in AdamOptions.
struct AdamWOptions {
  LearningRate learning_rate = AdamOptions{}.learning_rate;
  double weight_decay = 0.004;
  double beta_1 = AdamOptions{}.beta_1;
  double beta_2 = AdamOptions{}.beta_2;
  double epsilon = AdamOptions{}.epsilon;
};

/// Adam with decoupled weight decay λ: before the step, p ← p − η λ p.
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (ICLR 2019).
class AdamW : public Adam {
 public:
  /// Throws ValueError for a weight decay that is negative or not finite, and as Adam does.
  explicit AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options = {});
};

}  // namespace wengert::optim
