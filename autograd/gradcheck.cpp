#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/internal/ridders.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

using Function = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

constexpr double first_step = 0.1;
constexpr double largest_step = 0.1;  // relative to |x|
/// An entry so close to a kink, relative to max(1, |x|), leaves differences no room.
constexpr double too_close = 1e-4;
/// What differences may be uncertain by, as a part of the limit, before smaller steps are tried.
constexpr double certainty = 1e-3;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// f64 where it is floating, and no list's value.
Tensor widened(const Tensor& x) {
  if (x.dtype() == DType::f64) return Tensor(x.data<double>(), x.shape());
  if (x.dtype() != DType::f32) return stop_gradient(x);
  const auto elements = x.data<float>();
  return Tensor(std::vector<double>(elements.begin(), elements.end()), x.shape());
}

/// x with one entry replaced.
Tensor replaced(const Tensor& x, std::int64_t offset, double value) {
  const auto elements = x.data<double>();
  Tensor result = empty(x.shape(), DType::f64);
  const auto written = writable<double>(result);
  std::copy(elements.begin(), elements.end(), written.begin());
  written[at(offset)] = value;
  return result;
}

Ints index_of(std::int64_t offset, const Shape& shape) {
  Ints index(std::span(shape.begin(), shape.rank()));
  for (std::size_t axis = shape.rank(); axis-- > 0; offset /= shape[axis]) index[axis] = offset % shape[axis];
  return index;
}

/// A direction with no entry near 0, so that none is overlooked: 0.5 … 1.5 of either sign.
Tensor direction(const Shape& shape, Generator& generator) {
  Tensor result = uniform(shape, -1, 1, generator, DType::f64);
  for (double& entry : writable<double>(result)) entry += std::copysign(0.5, entry);
  return result;
}

std::vector<Tensor> directions(std::span<const Tensor> tensors, Generator& generator) {
  std::vector<Tensor> result;
  for (const Tensor& tensor : tensors) result.push_back(direction(tensor.shape(), generator));
  return result;
}

std::vector<Tensor> floating(std::span<const Tensor> tensors) {
  std::vector<Tensor> result;
  std::copy_if(tensors.begin(), tensors.end(), std::back_inserter(result),
               [](const Tensor& tensor) { return is_floating(tensor.dtype()); });
  return result;
}

std::vector<Tensor> watched(Tape& tape, std::span<const Tensor> x) {
  std::vector<Tensor> result;
  for (const Tensor& tensor : x) result.push_back(is_floating(tensor.dtype()) ? tape.watch(tensor) : tensor);
  return result;
}

/// The floating results of a function, which are to be as many as there are directions, and of their shapes.
std::vector<Tensor> results_of(const Function& f, std::span<const Tensor> x, std::span<const Tensor> directions) {
  std::vector<Tensor> y = floating(f(x));
  const auto fits = [](const Tensor& a, const Tensor& b) { return a.shape() == b.shape(); };
  if (!y.empty() && std::equal(y.begin(), y.end(), directions.begin(), directions.end(), fits)) return y;
  throw GradientError(
      "gradcheck: the function has no floating result, or others at other places; expected one or more, of the same "
      "shapes everywhere");
}

/// Σ ⟨v, ∂y/∂x⟩ over the results y, for every floating x.
std::vector<Tensor> gradients(Tape& tape, std::span<const Tensor> y, std::span<const Tensor> x,
                              std::span<const Tensor> v) {
  const std::vector<Tensor> variables = floating(x);
  std::vector<Tensor> sums;
  for (std::size_t k = 0; k < y.size(); ++k) {
    const std::vector<Tensor> parts = tape.gradient(y[k], variables, v[k]);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (k == 0)
        sums.push_back(parts[i]);
      else
        sums[i] = sums[i] + parts[i];
    }
  }
  return sums;
}

/// (x …, v …) ↦ ∇⟨v, f(x)⟩.
Function gradient_of(const Function& f, std::size_t inputs) {
  return [f, inputs](std::span<const Tensor> x_and_v) {
    Tape tape;
    const std::vector<Tensor> x = watched(tape, x_and_v.first(inputs));
    const auto v = x_and_v.subspan(inputs);
    return gradients(tape, results_of(f, x, v), x, v);
  };
}

/// Checks one function at one place.
class Check {
 public:
  Check(const Function& f, std::span<const Tensor> x, std::size_t inputs, const GradcheckOptions& options, double limit,
        std::size_t sample, GradcheckReport& report)
      : f_(f),
        x_(x.begin(), x.end()),
        options_(options),
        limit_(limit),
        sample_(sample),
        inputs_(inputs),
        report_(report) {}

  void run(Generator& generator) {
    v_ = directions(floating(f_(x_)), generator);
    Tape tape;
    const std::vector<Tensor> variables = watched(tape, x_);
    const std::vector<Tensor> analytic = gradients(tape, results_of(f_, variables, v_), variables, v_);
    std::size_t found = 0;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      if (is_floating(x_[i].dtype()) && found < analytic.size()) check_input(i, analytic[found++]);
    }
  }

 private:
  void check_input(std::size_t input, const Tensor& analytic) {
    for (std::int64_t offset = 0; offset < x_[input].size(); ++offset) {
      const double x = x_[input].data<double>()[at(offset)];
      const auto kink = input < inputs_ ? nearest_kink(x) : std::nullopt;
      const double scale = std::max(1.0, std::abs(x));
      if (kink && std::abs(x - *kink) <= too_close * scale) {
        skip(fmt::format("the derivative jumps at {}", *kink));
        continue;
      }
      const double room = kink ? std::abs(x - *kink) / 2 : std::numeric_limits<double>::infinity();
      detail::Steps steps{std::min(first_step, room), std::min(largest_step * std::abs(x), room)};
      const auto quotient = [&](double h) { return difference_quotient(input, offset, x, h); };
      const double derivative = analytic.data<double>()[at(offset)];
      detail::Derivative numeric = detail::extrapolate(quotient, steps, certainty * limit_);
      // Where the steps are too large for the series, the first tableau may be certain of what is wrong.
      for (int again = 0; again < 2 && relative_error(derivative, numeric.value) > limit_; ++again) {
        steps.first /= 10;
        numeric = detail::extrapolate(quotient, steps, certainty * limit_);
      }
      take({sample_, input, index_of(offset, x_[input].shape()), derivative, numeric.value, numeric.uncertainty});
    }
  }

  /// (⟨v, f(x + h)⟩ − ⟨v, f(x − h)⟩) / 2h, from the differences of the results: what does not change adds no rounding.
  double difference_quotient(std::size_t input, std::int64_t offset, double x, double h) const {
    std::vector<Tensor> moved = x_;
    moved[input] = replaced(x_[input], offset, x + h);
    const std::vector<Tensor> above = results_of(f_, moved, v_);
    moved[input] = replaced(x_[input], offset, x - h);
    const std::vector<Tensor> below = results_of(f_, moved, v_);
    double sum = 0;
    for (std::size_t k = 0; k < v_.size(); ++k) {
      const auto weights = v_[k].data<double>();
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double difference = above[k].data<double>()[i] - below[k].data<double>()[i];
        if (difference != 0) sum += weights[i] * difference;
      }
    }
    return sum / ((x + h) - (x - h));
  }

  /// Infinite where one of them is no number.
  static double relative_error(double analytic, double numeric) {
    const double error = std::abs(analytic - numeric) / std::max({1.0, std::abs(analytic), std::abs(numeric)});
    return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
  }

  std::optional<double> nearest_kink(double x) const {
    const auto nearest = std::min_element(options_.kinks.begin(), options_.kinks.end(),
                                          [&](double a, double b) { return std::abs(a - x) < std::abs(b - x); });
    return nearest == options_.kinks.end() ? std::nullopt : std::optional(*nearest);
  }

  void skip(const std::string& reason) {
    ++report_.skipped;
    auto& reasons = report_.skip_reasons;
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(reason);
  }

  void take(const GradcheckReport::Entry& entry) {
    ++report_.points;
    const double known = relative_error(entry.analytic, entry.numeric);
    if (known > report_.max_relative_error || report_.points == 1) {
      report_.max_relative_error = known;
      report_.worst = entry;
    }
    if (!(known <= limit_)) report_.passed = false;
  }

  const Function& f_;
  const std::vector<Tensor> x_;
  const GradcheckOptions& options_;
  const double limit_;
  const std::size_t sample_;
  const std::size_t inputs_;  // of what is differentiated first: where kinks are
  GradcheckReport& report_;
  std::vector<Tensor> v_;
};

double limit_of(const GradcheckOptions& options) {
  if (options.order != 1 && options.order != 2) {
    throw ValueError(fmt::format("gradcheck: order {}; expected 1 or 2", options.order));
  }
  if (!(options.limit >= 0))
    throw ValueError(fmt::format("gradcheck: limit {}; expected 0 (that of the order) or more", options.limit));
  if (options.limit > 0) return options.limit;
  return options.order == 1 ? 1e-6 : 1e-5;
}

void check(const Function& f, std::span<const Tensor> x, const GradcheckOptions& options, std::size_t sample,
           GradcheckReport& report) {
  const double limit = limit_of(options);
  Generator generator(options.seed, sample);
  std::vector<Tensor> place;
  std::transform(x.begin(), x.end(), std::back_inserter(place), widened);
  const std::size_t inputs = place.size();
  ++report.samples;
  if (options.order == 1) return Check(f, place, inputs, options, limit, sample, report).run(generator);
  const std::vector<Tensor> v = directions(floating(f(place)), generator);
  place.insert(place.end(), v.begin(), v.end());
  Check(gradient_of(f, inputs), place, inputs, options, limit, sample, report).run(generator);
}

}  // namespace

GradcheckReport gradcheck(const GradcheckFunction& f, const std::vector<Tensor>& x, const GradcheckOptions& options) {
  if (f.arity() != 0 && f.arity() != x.size()) {
    throw ValueError(fmt::format("gradcheck: the function takes {} tensors; {} given", f.arity(), x.size()));
  }
  if (floating(x).empty()) throw GradientError("gradcheck: no input is f32 or f64; there is nothing to differentiate");
  GradcheckReport report;
  check(f, x, options, 0, report);
  return report;
}

GradcheckReport gradcheck(const GradcheckFunction& f, const Tensor& x, const GradcheckOptions& options) {
  return gradcheck(f, std::vector<Tensor>{x}, options);
}

GradcheckReport gradcheck(const Operation& operation, const GradcheckOptions& options) {
  if (!operation.differentiable) {
    throw GradientError(fmt::format("gradcheck: {} is not differentiable; there is nothing to check", operation.name));
  }
  const std::vector<Sample> samples = operation.samples ? operation.samples() : std::vector<Sample>{};
  if (samples.empty())
    throw ValueError(fmt::format("gradcheck: {} brings no samples to be checked on", operation.name));
  GradcheckOptions kept_away = options;
  kept_away.kinks.insert(kept_away.kinks.end(), operation.kinks.begin(), operation.kinks.end());
  GradcheckReport report;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Function f = [&](std::span<const Tensor> x) {
      std::vector<Tensor> results(operation.results(samples[i].attributes));
      apply(operation, x, samples[i].attributes, results);
      return results;
    };
    if (samples[i].skip_reason.empty()) {
      check(f, samples[i].inputs, kept_away, i, report);
      continue;
    }
    ++report.samples;
    for (const Tensor& x : floating(samples[i].inputs)) report.skipped += x.size();
    report.skip_reasons.push_back(samples[i].skip_reason);
  }
  return report;
}

std::string to_string(const GradcheckReport& report) {
  std::string text = fmt::format("{}: {} points", report.passed ? "passed" : "failed", report.points);
  if (report.skipped != 0) text += fmt::format(", {} skipped", report.skipped);
  if (report.points == 0) return text;
  const GradcheckReport::Entry& worst = report.worst;
  return text +
         fmt::format(", largest error {:.2g} at input {} {} of sample {}: analytic {:.10g}, numeric {:.10g} ± {:.1g}",
                     report.max_relative_error, worst.input, to_string(std::span<const std::int64_t>(worst.index)),
                     worst.sample, worst.analytic, worst.numeric, worst.uncertainty);
}

}  // namespace wengert
