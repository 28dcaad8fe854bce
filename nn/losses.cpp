#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/losses.h>

namespace wengert::nn {

namespace {

constexpr double clip = 1e-7;  // Keras's epsilon

/// What the loss computes from: the predictions where they are logits, or those that they carry; undefined where they
/// carry none of that function.
Tensor logits_of(const char* loss, const Tensor& predictions, bool from_logits, LogitsOf function) {
  if (!from_logits) return traced_logits(predictions, function);
  if (carries_logits(predictions)) {
    throw ValueError(
        fmt::format("{}: from_logits is set, but the predictions are the result of a softmax or sigmoid; "
                    "leave out one of the two",
                    loss));
  }
  return predictions;
}

Tensor clipped(const Tensor& probabilities) { return clamp(probabilities, clip, 1 - clip); }

/// The targets in the predictions' dtype, once it is clear that the shapes agree: they must not be broadcast, or
/// [batch] against [batch, 1] would silently compare everything with everything.
Tensor matching(const char* loss, const Tensor& predictions, const Tensor& targets) {
  if (predictions.shape() != targets.shape()) {
    throw ShapeError(fmt::format("{}: predictions {} and targets {} differ in shape; reshape one of them", loss,
                                 to_string(predictions.shape()), to_string(targets.shape())));
  }
  return targets.dtype() == predictions.dtype() ? targets : cast(targets, predictions.dtype());
}

void check_labels(const char* loss, const Tensor& predictions, const Tensor& labels) {
  const Shape& shape = predictions.shape();
  if (shape.rank() < 2 || labels.shape() != Shape(std::span(shape.begin(), shape.rank() - 1))) {
    throw ShapeError(fmt::format("{}: predictions {} and labels {}; expected [batch, classes] and [batch]", loss,
                                 to_string(shape), to_string(labels.shape())));
  }
  if (is_floating(labels.dtype()) || labels.dtype() == DType::boolean) {
    throw DTypeError(
        fmt::format("{}: labels are {}; expected integers (for rows of probabilities: "
                    "categorical_crossentropy)",
                    loss, name_of(labels.dtype())));
  }
}

/// Every axis but the last as one: what the operation on rows takes.
Tensor as_rows(const Tensor& x) {
  if (x.rank() == 2) return x;
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.shape()[axis];
  return x.reshape({rows, x.shape().back()});
}
Tensor as_row_labels(const Tensor& labels) { return labels.rank() == 1 ? labels : labels.reshape({labels.size()}); }

}  // namespace

Tensor SparseCategoricalCrossentropy::operator()(const Tensor& predictions, const Tensor& labels) const {
  check_labels("sparse_categorical_crossentropy", predictions, labels);
  Tensor logits = logits_of("sparse_categorical_crossentropy", predictions, from_logits, LogitsOf::softmax);
  // The cross-entropy from logits of logarithms divides by the sum of what they are the logarithms of.
  if (!logits.defined()) logits = log(clipped(predictions));
  return mean(softmax_cross_entropy(as_rows(logits), as_row_labels(labels)));
}

Tensor CategoricalCrossentropy::operator()(const Tensor& predictions, const Tensor& targets) const {
  const Tensor rows = matching("categorical_crossentropy", predictions, targets);
  if (predictions.rank() == 0) throw ShapeError("categorical_crossentropy: predictions []; expected [batch, classes]");
  const Tensor logits = logits_of("categorical_crossentropy", predictions, from_logits, LogitsOf::softmax);
  if (logits.defined()) return mean(softmax_cross_entropy(as_rows(logits), as_rows(rows)));
  const Tensor probabilities = clipped(predictions / sum(predictions, {-1}, true));
  return -mean(sum(rows * log(probabilities), {-1}));
}

Tensor BinaryCrossentropy::operator()(const Tensor& predictions, const Tensor& targets) const {
  const Tensor t = matching("binary_crossentropy", predictions, targets);
  const Tensor x = logits_of("binary_crossentropy", predictions, from_logits, LogitsOf::sigmoid);
  if (x.defined()) return mean(t * softplus(-x) + (1 - t) * softplus(x));
  const Tensor p = clipped(predictions);
  return -mean(t * log(p) + (1 - t) * log(1 - p));
}

Tensor MeanSquaredError::operator()(const Tensor& predictions, const Tensor& targets) const {
  return mean(square(predictions - matching("mean_squared_error", predictions, targets)));
}

Tensor MeanAbsoluteError::operator()(const Tensor& predictions, const Tensor& targets) const {
  return mean(abs(predictions - matching("mean_absolute_error", predictions, targets)));
}

Tensor Huber::operator()(const Tensor& predictions, const Tensor& targets) const {
  if (!(delta > 0)) throw ValueError(fmt::format("huber: delta is {}; expected a number above 0", delta));
  const Tensor error = abs(predictions - matching("huber", predictions, targets));
  const Tensor inner = minimum(error, delta);  // with q = min(e, δ), both branches are q (e − q/2)
  return mean(inner * (error - 0.5 * inner));
}

}  // namespace wengert::nn
