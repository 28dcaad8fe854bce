#pragma once

#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include <wengert/autograd/tensor.h>

/// Learning rates that change from step to step, as Keras defines them. Each is made of operations on the number of
/// the step, so a compiled step goes on with it:
///
///     optim::Adam adam{model.parameters(), {.learning_rate = optim::cosine_decay({.decay_steps = 9375})}};

namespace wengert::optim {

/// The learning rate of a step, a scalar (f64), from the number of steps done before it, a scalar (f64) that is 0 for
/// the first. It computes with operations on that number, constants and slots, as it may be called at any time and
/// stands in compiled functions. What it gives must be a finite number, 0 or more: of the first step that is checked,
/// of later ones it is not.
using Schedule = std::function<Tensor(const Tensor& step)>;

/// What an optimiser takes as its learning rate: a number, which `set_learning_rate` changes, or a schedule.
class LearningRate {
 public:
  LearningRate(double number) : number_(number) {}  // NOLINT(google-explicit-constructor): a number is one
  /// From a `Schedule`, or a function that may become one. Throws ValueError for one that is empty.
  template <typename Function>
  requires std::is_invocable_r_v<Tensor, const Function&, const Tensor&> && std::is_copy_constructible_v<Function>
  LearningRate(Function schedule)  // NOLINT(google-explicit-constructor): so is a lambda
      : schedule_(std::move(schedule)) {
    require_schedule();
  }

  /// 0 where there is a schedule.
  double number() const { return number_; }
  /// Empty where the rate is a number.
  const Schedule& schedule() const { return schedule_; }

 private:
  void require_schedule() const;

  double number_ = 0;
  Schedule schedule_;
};

struct DecayOptions {
  double initial_learning_rate = 1e-3;
  /// Steps of one decay, which is gradual unless there is a staircase. Must be given, here and below.
  std::int64_t decay_steps = 0;
  double decay_rate = 0.5;
  /// The rate falls every `decay_steps` steps, and stays between.
  bool staircase = false;
};

/// η₀ rˢ with s = t / decay_steps, or its floor. Throws ValueError, as all of these, for rates that are negative or not
/// finite, and for decay_steps below 1.
Schedule exponential_decay(const DecayOptions& options);

/// η₀ / (1 + r s) with s = t / decay_steps, or its floor.
Schedule inverse_time_decay(const DecayOptions& options);

struct PolynomialDecayOptions {
  double initial_learning_rate = 1e-3;
  std::int64_t decay_steps = 0;
  double end_learning_rate = 1e-4;
  double power = 1;
};

/// η₁ + (η₀ − η₁)(1 − s)ᵖ with s = t / decay_steps, at most 1: linear for p = 1, and η₁ from `decay_steps` on. Throws
/// ValueError also unless the power is above 0.
Schedule polynomial_decay(const PolynomialDecayOptions& options);

struct CosineDecayOptions {
  /// The rate that falls; a warm-up ends with it (Keras's `warmup_target`).
  double initial_learning_rate = 1e-3;
  /// Steps of the fall, after those of the warm-up.
  std::int64_t decay_steps = 0;
  /// What is left in the end, as a part of the rate.
  double alpha = 0;
  /// Steps in which the rate rises from 0; 0: none.
  std::int64_t warmup_steps = 0;
};

/// η₀ ((1 − α)(1 + cos πs) / 2 + α) with s = (t − warmup_steps) / decay_steps, at most 1; before that η₀ t /
/// warmup_steps. Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (ICLR 2017), without
/// restarts. Throws ValueError also for an α out of [0, 1] and for warmup_steps below 0.
Schedule cosine_decay(const CosineDecayOptions& options);

struct PiecewiseConstantDecayOptions {
  /// Steps, each above the one before.
  std::vector<std::int64_t> boundaries = {};
  /// One more than there are boundaries.
  std::vector<double> values = {};
};

/// values[i] for steps up to boundaries[i], which belongs to it; the last value after the last boundary. Throws
/// ValueError also for boundaries that do not rise, and for another number of values.
Schedule piecewise_constant_decay(const PiecewiseConstantDecayOptions& options);

}  // namespace wengert::optim
