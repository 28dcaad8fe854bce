#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <wengert/autograd/tensor.h>

/// Metrics: what is counted over the samples of an epoch. A metric gives its sum over the samples of a batch, so that
/// the running mean over an epoch weighs every sample alike, also those of a short last batch. A sample of several
/// positions counts as the mean over them. Nothing is recorded.

namespace wengert::nn {

struct Metric {
  std::string name;
  /// Sum over the samples of the batch.
  std::function<double(const Tensor& predictions, const Tensor& targets)> sum;

  /// Mean over the samples of the batch, NaN where there are none. Throws ValueError where there is no function,
  /// ShapeError for a single number.
  double operator()(const Tensor& predictions, const Tensor& targets) const;
};

/// How many samples are classified rightly. Which kind it is, the shapes say, as in Keras:
/// - predictions [batch, …, classes], labels [batch, …] (integers): the largest score is the label's;
/// - predictions and targets [batch, …, classes]: both have their largest number in the same place;
/// - predictions [batch] or [batch, …, 1], targets likewise or [batch, …]: p > 0.5 where the target is 1.
/// Of equal scores the first counts as the largest, and NaN as larger than any number (as NumPy's argmax).
/// Throws ShapeError for other shapes, DTypeError for predictions that are not floating and labels that are no
/// integers, ValueError for a label out of range.
struct Accuracy {
  double sum(const Tensor& predictions, const Tensor& targets) const;
  double operator()(const Tensor& predictions, const Tensor& targets) const {
    return Metric(*this)(predictions, targets);
  }
  operator Metric() const;  // NOLINT(google-explicit-constructor): {.metrics = {nn::accuracy}} is the point
};
inline constexpr Accuracy accuracy{};

/// How many samples have their label's score among the k largest; equal scores rank by their place, so that top_k(1) is
/// the accuracy. Labels as integers or as rows. Throws as `Accuracy`, and ValueError for k < 1.
struct TopK {
  std::int64_t k = 5;
  double sum(const Tensor& predictions, const Tensor& targets) const;
  double operator()(const Tensor& predictions, const Tensor& targets) const {
    return Metric(*this)(predictions, targets);
  }
  operator Metric() const;  // NOLINT(google-explicit-constructor): {.metrics = {nn::top_k(5)}} is the point
};
constexpr TopK top_k(std::int64_t k) { return {k}; }

}  // namespace wengert::nn
