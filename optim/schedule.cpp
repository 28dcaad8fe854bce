#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string_view>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/internal/not_negative.h>
#include <wengert/optim/schedule.h>

namespace wengert::optim {

namespace {

using detail::not_negative;

double steps_of(std::string_view schedule, std::string_view name, std::int64_t steps, std::int64_t least) {
  if (steps >= least) return static_cast<double>(steps);
  throw ValueError(fmt::format("{}: {} is {}; expected {} or above", schedule, name, steps, least));
}

/// What is left of a fall over `decay_steps`: 1 at first, 0 in the end.
Tensor left_of(const Tensor& step, double decay_steps) { return 1.0 - minimum(step / decay_steps, 1.0); }

/// rate(η₀, r, s) with s = t / decay_steps, or its floor.
template <typename Rate>
Schedule decay(std::string_view schedule, const DecayOptions& options, Rate rate) {
  const double initial = not_negative(schedule, "initial_learning_rate", options.initial_learning_rate);
  const double steps = steps_of(schedule, "decay_steps", options.decay_steps, 1);
  const double factor = not_negative(schedule, "decay_rate", options.decay_rate);
  return [=, staircase = options.staircase](const Tensor& step) {
    const Tensor decays = step / steps;
    return rate(initial, factor, staircase ? floor(decays) : decays);
  };
}

}  // namespace

void LearningRate::require_schedule() const {
  if (!schedule_) throw ValueError("learning rate: the schedule is empty; give a number or a function");
}

Schedule exponential_decay(const DecayOptions& options) {
  return decay("exponential_decay", options,
               [](double initial, double rate, const Tensor& decays) { return initial * pow(rate, decays); });
}

Schedule inverse_time_decay(const DecayOptions& options) {
  return decay("inverse_time_decay", options,
               [](double initial, double rate, const Tensor& decays) { return initial / (1.0 + rate * decays); });
}

Schedule polynomial_decay(const PolynomialDecayOptions& options) {
  constexpr std::string_view name = "polynomial_decay";
  const double initial = not_negative(name, "initial_learning_rate", options.initial_learning_rate);
  const double steps = steps_of(name, "decay_steps", options.decay_steps, 1);
  const double end = not_negative(name, "end_learning_rate", options.end_learning_rate);
  const double power = options.power;
  if (!std::isfinite(power) || power <= 0) {
    throw ValueError(fmt::format("{}: power is {}; expected a finite number above 0", name, power));
  }
  return [=](const Tensor& step) { return end + (initial - end) * pow(left_of(step, steps), power); };
}

Schedule cosine_decay(const CosineDecayOptions& options) {
  constexpr std::string_view name = "cosine_decay";
  const double peak = not_negative(name, "initial_learning_rate", options.initial_learning_rate);
  const double steps = steps_of(name, "decay_steps", options.decay_steps, 1);
  const double warmup = steps_of(name, "warmup_steps", options.warmup_steps, 0);
  const double alpha = options.alpha;
  if (!(alpha >= 0 && alpha <= 1)) throw ValueError(fmt::format("{}: alpha is {}; expected 0 … 1", name, alpha));
  return [=](const Tensor& step) {
    const Tensor fall = 0.5 - 0.5 * cos(std::numbers::pi * left_of(step - warmup, steps));
    const Tensor rate = peak * (alpha + (1 - alpha) * fall);
    return warmup == 0 ? rate : where(step < warmup, step * (peak / warmup), rate);
  };
}

Schedule piecewise_constant_decay(const PiecewiseConstantDecayOptions& options) {
  constexpr std::string_view name = "piecewise_constant_decay";
  const auto& [boundaries, values] = options;
  if (values.size() != boundaries.size() + 1) {
    throw ValueError(fmt::format("{}: {} values for {} boundaries; expected one value more than boundaries", name,
                                 values.size(), boundaries.size()));
  }
  if (std::adjacent_find(boundaries.begin(), boundaries.end(), std::greater_equal<>()) != boundaries.end()) {
    throw ValueError(
        fmt::format("{}: boundaries are {}; expected each above the one before", name, to_string(boundaries)));
  }
  for (const double value : values) not_negative(name, "a value", value);
  return [options](const Tensor& step) {
    Tensor rate(options.values.back());
    for (std::size_t i = options.boundaries.size(); i-- > 0;) {
      rate = where(step <= static_cast<double>(options.boundaries[i]), options.values[i], rate);
    }
    return rate;
  };
}

}  // namespace wengert::optim
