#pragma once

#include <cstdint>
#include <vector>

#include <wengert/datasets/dataset.h>
#include <wengert/nn/losses.h>
#include <wengert/nn/metrics.h>
#include <wengert/nn/module.h>
#include <wengert/training/history.h>

namespace wengert::training {

struct EvaluateOptions {
  std::vector<nn::Metric> metrics = {};
  /// Samples at a time; the results differ by rounding alone.
  std::int64_t batch_size = 256;
  /// Record a batch once and replay it from then on (see compile.h), with the same bits; off for models or losses that
  /// read values on the host. Metrics are given probabilities without their logits (see `softmax`), recorded or not.
  bool compile = true;
};

/// Loss and metrics of a model on a data set, means over its samples, with the model in evaluation mode meanwhile.
/// Throws ValueError for a data set that is empty or has no labels, a batch size below 1, and a loss or metric without
/// a function, ShapeError where the loss is not one number, and what the model, the loss and the metrics throw.
Scores evaluate(nn::Module& model, const nn::Loss& loss, const datasets::Dataset& data,
                const EvaluateOptions& options = {});

struct PredictOptions {
  /// Samples at a time.
  std::int64_t batch_size = 256;
  /// As in EvaluateOptions.
  bool compile = true;
};

/// The model's results for every sample, one behind the other: [samples, …]. Inputs are converted to the model's
/// `input_dtype`. Probabilities carry no logits (see `softmax`). In evaluation mode meanwhile. Throws ValueError for no
/// samples or a batch size below 1, ShapeError where the model does not give one result for each sample, and what the
/// model throws.
Tensor predict(nn::Module& model, const datasets::Dataset& data, const PredictOptions& options = {});
Tensor predict(nn::Module& model, const Tensor& inputs, const PredictOptions& options = {});

}  // namespace wengert::training
