#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/training/internal/loop.h>

namespace wengert::training {

void require_samples(const char* caller, const datasets::Dataset& data) {
  if (data.size() == 0) throw ValueError(fmt::format("{}: the data set is empty", caller));
}

void require_labels(const char* caller, const datasets::Dataset& data) {
  require_samples(caller, data);
  if (!data.labels.defined())
    throw ValueError(fmt::format("{}: the data set has no labels; expected Dataset{{images, labels}}", caller));
}

void require(bool good, const char* caller, const char* option, std::int64_t value, const char* expected) {
  if (!good) throw ValueError(fmt::format("{}: {} is {}; expected {}", caller, option, value, expected));
}

void require_functions(const char* caller, const nn::Loss& loss, std::span<const nn::Metric> metrics) {
  if (!loss) throw ValueError(fmt::format("{}: the loss is empty; expected a function", caller));
  for (const nn::Metric& metric : metrics) {
    if (!metric.sum) throw ValueError(fmt::format("{}: metric '{}' has no function", caller, metric.name));
  }
}

void require_columns(const char* caller, std::span<const nn::Metric> metrics) {
  History history{.validated = true};
  for (const nn::Metric& metric : metrics) history.metrics.push_back(metric.name);
  std::vector<std::string> names = history.columns();
  names.emplace_back("steps");  // beside them in JSON
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (std::find(names.begin(), name, *name) == name) continue;
    throw ValueError(fmt::format("{}: two columns are called '{}'; give the metric another name", caller, *name));
  }
}

void require_one_number(const char* caller, const Tensor& loss) {
  if (loss.size() == 1) return;
  throw ShapeError(fmt::format("{}: the loss of a batch is {}; expected one number, such as the mean over it", caller,
                               to_string(loss.shape())));
}

Tensor without_logits(const Tensor& predictions) { return stop_gradient(predictions); }

double unsigned_nan(double x) { return std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x; }

void RunningMeans::add(double loss, const Tensor& predictions, const Tensor& labels) {
  const std::int64_t count = labels.shape()[0];
  samples_ += count;
  loss_sum_ += loss * static_cast<double>(count);
  means_.loss = unsigned_nan(loss_sum_ / static_cast<double>(samples_));
  if (metrics_.empty()) return;
  const Tensor scored = without_logits(predictions);
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    sums_[i] += metrics_[i].sum(scored, labels);
    means_.metrics[i] = unsigned_nan(sums_[i] / static_cast<double>(samples_));
  }
}

void RunningMeans::add_no_number(double loss) {
  means_.loss = loss;
  if (samples_ == 0) std::fill(means_.metrics.begin(), means_.metrics.end(), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace wengert::training
