#include <array>
#include <limits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/adam.h>
#include <wengert/optim/internal/adam_update.h>
#include <wengert/optim/internal/not_negative.h>
#include <wengert/optim/internal/zero_below.h>

namespace wengert::optim {

namespace {

/// η √(1 − β₂ᵗ) / (1 − β₁ᵗ), in f64 whatever the parameters are: 1 − β₂ᵗ loses all its digits in f32.
const Operation& bias_corrected_rate() {
  const auto formula = [](Scalar rate, Scalar t, Scalar beta_1, Scalar beta_2) {
    return rate * sqrt(1.0 - pow(beta_2, t)) / (1.0 - pow(beta_1, t));
  };
  static const Operation operation = pointwise(
      "adam_rate", {.formula = formula, .attributes = {{"beta_1", 0.0}, {"beta_2", 0.0}}, .differentiable = false});
  return operation;
}

double checked_beta(const char* owner, const char* name, double beta) {
  if (beta >= 0 && beta < 1) return beta;
  throw ValueError(fmt::format("{}: {} is {}; expected 0 or more, and below 1", owner, name, beta));
}

void require_normal(const char* owner, double epsilon, DType dtype) {
  const double least = dtype == DType::f64 ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  if (epsilon == 0 || epsilon >= least) return;
  throw ValueError(fmt::format("{}: epsilon is {}; expected {:.2g} or above for parameters of {}", owner, epsilon,
                               least, name_of(dtype)));
}

Attributes attributes_of(const char* owner, const AdamOptions& options, DType dtype) {
  return {{"one_minus_beta_1", 1 - options.beta_1},
          {"one_minus_beta_2", 1 - options.beta_2},
          {"epsilon", detail::not_negative(owner, "epsilon", options.epsilon)},
          {"least_m", detail::least_moment(dtype)},
          {"least_v", detail::least_square(dtype, options.epsilon)}};
}

}  // namespace

Adam::Adam(const std::vector<Parameter>& parameters, const AdamOptions& options)
    : Adam("adam", parameters, options, 0) {}

Adam::Adam(const char* name, const std::vector<Parameter>& parameters, const AdamOptions& options, double weight_decay)
    : Optimizer(parameters, options.learning_rate, {"m", "v"}),
      beta_1_(checked_beta(name, "beta_1", options.beta_1)),
      beta_2_(checked_beta(name, "beta_2", options.beta_2)),
      weight_decay_(detail::not_negative(name, "weight_decay", weight_decay)),
      f32_attributes_(attributes_of(name, options, DType::f32)),
      f64_attributes_(attributes_of(name, options, DType::f64)) {
  for (const Parameter& parameter : this->parameters()) require_normal(name, options.epsilon, parameter.dtype());
}

Tensor Adam::step_rate(const Tensor& learning_rate, const Tensor& step) const {
  return apply(bias_corrected_rate(), {learning_rate, step}, {{"beta_1", beta_1_}, {"beta_2", beta_2_}});
}

void Adam::update(Parameter& parameter, const Tensor& gradient, const Tensor& rate, const Tensor& learning_rate,
                  std::span<Tensor> state) {
  const bool decays = weight_decay_ > 0;
  const std::array inputs{parameter.value(), state[0], state[1],
                          gradient,          rate,     decays ? learning_rate * weight_decay_ : rate};
  std::array<Tensor, 3> results;
  apply(decays ? detail::adamw_update() : detail::adam_update(), std::span(inputs).first(decays ? 6 : 5),
        gradient.dtype() == DType::f64 ? f64_attributes_ : f32_attributes_, results);
  parameter.assign(results[0]);
  state[0] = std::move(results[1]);
  state[1] = std::move(results[2]);
}

AdamW::AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options)
    : Adam("adamw", parameters,
           {.learning_rate = options.learning_rate,
            .beta_1 = options.beta_1,
            .beta_2 = options.beta_2,
            .epsilon = options.epsilon},
           options.weight_decay) {}

}  // namespace wengert::optim
