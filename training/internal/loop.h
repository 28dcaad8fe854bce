#pragma once

#include <span>
#include <vector>

#include <wengert/datasets/dataset.h>
#include <wengert/nn/internal/kept_modes.h>
#include <wengert/nn/losses.h>
#include <wengert/nn/metrics.h>
#include <wengert/nn/module.h>
#include <wengert/training/history.h>

/// What the loops over batches share: training, evaluation, prediction.

namespace wengert::training {

/// Throws ValueError naming `caller` for a data set without samples, or without labels.
void require_samples(const char* caller, const datasets::Dataset& data);
void require_labels(const char* caller, const datasets::Dataset& data);

/// Throws ValueError naming `caller` for an option that is not good.
void require(bool good, const char* caller, const char* option, std::int64_t value, const char* expected);

/// Throws ValueError naming `caller` for a loss or metric without a function.
void require_functions(const char* caller, const nn::Loss& loss, std::span<const nn::Metric> metrics);

/// Throws ValueError naming `caller` for metrics whose columns in a history could not be told apart from others.
void require_columns(const char* caller, std::span<const nn::Metric> metrics);

/// Throws ShapeError naming `caller` unless the loss of a batch is one number.
void require_one_number(const char* caller, const Tensor& loss);

/// Puts a model into training or evaluation mode; and it and all below back into the modes they were in. A model that
/// is in training already may have layers that are not.
class Mode {
 public:
  Mode(nn::Module& model, bool training) : kept_(model) {
    if (!training || !model.is_training()) model.train(training);
  }

 private:
  nn::detail::KeptModes kept_;
};

/// The same elements, without the logits that probabilities carry (logits.h): what a compiled function gives has none.
Tensor without_logits(const Tensor& predictions);

/// The number, but of NaN always the one that is not shown as "-nan" (which 0 / 0 is on x86).
double unsigned_nan(double x);

/// Means of loss and metrics over the samples seen so far.
class RunningMeans {
 public:
  explicit RunningMeans(std::span<const nn::Metric> metrics)
      : metrics_(metrics), sums_(metrics.size()), means_{0, std::vector<double>(metrics.size())} {}

  /// `loss` is the mean over the batch.
  void add(double loss, const Tensor& predictions, const Tensor& labels);
  /// The mean loss of a batch is no finite number, and so is then that of all; of its metrics nothing is known.
  void add_no_number(double loss);
  const Scores& means() const { return means_; }
  std::int64_t samples() const { return samples_; }

 private:
  std::span<const nn::Metric> metrics_;
  std::int64_t samples_ = 0;
  double loss_sum_ = 0;
  std::vector<double> sums_;
  Scores means_;
};

}  // namespace wengert::training
