#pragma once

#include <functional>

#include <wengert/autograd/tensor.h>

/// Losses: function objects (predictions, targets) ↦ a scalar, the mean over the batch, NaN for an empty one. Named,
/// and computed, as in Keras. All throw ShapeError for targets of another shape than they take, DTypeError for
/// predictions that are not floating.

namespace wengert::nn {

/// Any function of predictions and targets that gives a scalar; every object below is one.
using Loss = std::function<Tensor(const Tensor& predictions, const Tensor& targets)>;

/// Cross-entropy −ln p[label], labels as integers of any width: predictions [batch, …, classes], labels [batch, …].
/// Predictions are probabilities, or logits where `from_logits` is set. Probabilities that are the result of a softmax
/// are traced back to its logits; others are clipped to [1e-7, 1 − 1e-7], and count relative to their sum. Throws
/// ShapeError for shapes that do not fit, DTypeError for labels that are no integers, ValueError for a label out of 0 …
/// classes−1, and where `from_logits` is set for the result of a softmax or sigmoid.
struct SparseCategoricalCrossentropy {
  bool from_logits = false;
  Tensor operator()(const Tensor& predictions, const Tensor& labels) const;
};
inline constexpr SparseCategoricalCrossentropy sparse_categorical_crossentropy{};

/// Cross-entropy −Σ target · ln p, targets as rows of probabilities (one-hot or not) of the shape of the predictions.
/// Probabilities are treated as above, but that they are divided by their sum before they are clipped.
/// Throws ShapeError for shapes that differ, and ValueError as above.
struct CategoricalCrossentropy {
  bool from_logits = false;
  Tensor operator()(const Tensor& predictions, const Tensor& targets) const;
};
inline constexpr CategoricalCrossentropy categorical_crossentropy{};

/// −(t ln p + (1 − t) ln(1 − p)), one number per prediction, targets of the predictions' shape. From logits, without
/// loss of digits: −(t ln σ(x) + (1 − t) ln σ(−x)). The result of a layer that ends in `nn::sigmoid` is traced back to
/// its logits. Other probabilities, also those of the operation `sigmoid`, are clipped to [1e-7, 1 − 1e-7], beyond
/// which they have no gradient: rather give logits. Throws ValueError as above.
struct BinaryCrossentropy {
  bool from_logits = false;
  Tensor operator()(const Tensor& predictions, const Tensor& targets) const;
};
inline constexpr BinaryCrossentropy binary_crossentropy{};

/// (p − t)², targets of the predictions' shape.
struct MeanSquaredError {
  Tensor operator()(const Tensor& predictions, const Tensor& targets) const;
};
inline constexpr MeanSquaredError mean_squared_error{};

/// |p − t|; derivative 0 where they are equal.
struct MeanAbsoluteError {
  Tensor operator()(const Tensor& predictions, const Tensor& targets) const;
};
inline constexpr MeanAbsoluteError mean_absolute_error{};

/// With e = |p − t|: e²/2 up to `delta`, delta · (e − delta/2) beyond. Huber, "Robust Estimation of a Location
/// Parameter" (1964). Throws ValueError for a delta that is not above 0.
struct Huber {
  double delta = 1;
  Tensor operator()(const Tensor& predictions, const Tensor& targets) const;
};
inline constexpr Huber huber{};

}  // namespace wengert::nn
