#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/nn/metrics.h>

namespace wengert::nn {

namespace {

/// Whether a comes before b where scores are sorted, largest first and NaN before all.
template <typename T>
bool larger(T a, T b) {
  const bool is_number = b == b;
  return is_number && !(a <= b);
}

template <typename T>
std::int64_t argmax(std::span<const T> row) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < row.size(); ++i) {
    if (larger(row[i], row[best])) best = i;
  }
  return static_cast<std::int64_t>(best);
}

/// The place of an entry where the row is sorted, largest first; equal ones stay in order.
template <typename T>
std::int64_t rank_of(std::span<const T> row, std::int64_t entry) {
  const auto place = row.begin() + entry;
  const T score = *place;
  return std::count_if(row.begin(), place, [score](T earlier) { return !larger(score, earlier); }) +
         std::count_if(place, row.end(), [score](T later) { return larger(later, score); });
}

std::int64_t checked_label(const char* metric, std::int64_t label, std::int64_t classes) {
  if (label < 0 || label >= classes) {
    throw ValueError(fmt::format("{}: label {} with {} classes; expected 0 … {}", metric, label, classes, classes - 1));
  }
  return label;
}

/// The shape of the labels of scores [batch, …, classes].
Shape labels_shape(const Shape& scores) { return Shape(std::span(scores.begin(), scores.rank() - 1)); }

/// Calls `visit(row of scores, label)` for every position of every sample.
template <typename F>
void for_each_row(const char* metric, const Tensor& predictions, const Tensor& targets, F visit) {
  const std::int64_t rows = labels_shape(predictions.shape()).elements();
  const std::int64_t classes = predictions.shape().back();
  const bool sparse = targets.rank() < predictions.rank();
  const auto row_of = [classes](auto data, std::int64_t row) {
    return data.subspan(static_cast<std::size_t>(row * classes), static_cast<std::size_t>(classes));
  };
  dispatch_floating(predictions.dtype(), [&](auto score) {
    const auto scores = predictions.data<decltype(score)>();
    dispatch(targets.dtype(), [&](auto target) {
      const auto values = targets.data<decltype(target)>();
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t label =
            sparse ? static_cast<std::int64_t>(values[static_cast<std::size_t>(i)]) : argmax(row_of(values, i));
        visit(row_of(scores, i), checked_label(metric, label, classes));
      }
    });
  });
}

void check_scores(const char* metric, const Tensor& predictions, const Tensor& targets) {
  const bool has_classes = predictions.rank() >= 2;
  const bool sparse = has_classes && targets.shape() == labels_shape(predictions.shape());
  const bool dense = has_classes && targets.shape() == predictions.shape();
  if (!sparse && !dense) {
    throw ShapeError(
        fmt::format("{}: predictions {} and targets {}; expected [batch, …, classes] and labels [batch, …] or rows "
                    "[batch, …, classes]",
                    metric, to_string(predictions.shape()), to_string(targets.shape())));
  }
  if (sparse && (is_floating(targets.dtype()) || targets.dtype() == DType::boolean)) {
    throw DTypeError(fmt::format("{}: labels are {}; expected integers", metric, name_of(targets.dtype())));
  }
}

/// The sum over the samples of what was counted over all their positions.
double sum_of(std::int64_t count, const Shape& predictions) {
  double positions = 1;  // of one sample
  for (std::size_t axis = 1; axis + 1 < predictions.rank(); ++axis) positions *= static_cast<double>(predictions[axis]);
  return static_cast<double>(count) / positions;
}

/// Among how many samples the label's score is one of the k largest.
double sum_among_largest(const char* metric, const Tensor& predictions, const Tensor& targets, std::int64_t k) {
  check_scores(metric, predictions, targets);
  std::int64_t right = 0;
  for_each_row(metric, predictions, targets,
               [&](auto scores, std::int64_t label) { right += rank_of(scores, label) < k ? 1 : 0; });
  return sum_of(right, predictions.shape());
}

void check_floating(const char* metric, const Tensor& predictions) {
  if (!is_floating(predictions.dtype())) {
    throw DTypeError(fmt::format("{}: predictions are {}; expected f32 or f64", metric, name_of(predictions.dtype())));
  }
}

/// One score per position, right where it lies on the target's side of 0.5; the targets are 0 or 1.
double binary_sum(const Tensor& predictions, const Tensor& targets) {
  std::int64_t right = 0;
  dispatch_floating(predictions.dtype(), [&](auto score) {
    const auto scores = predictions.data<decltype(score)>();
    dispatch(targets.dtype(), [&](auto target) {
      const auto values = targets.data<decltype(target)>();
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const auto value = static_cast<double>(values[i]);
        if (value != 0 && value != 1)
          throw ValueError(fmt::format("accuracy: target {} is {}; expected 0 or 1", i, value));
        right += (static_cast<double>(scores[i]) > 0.5) == (value == 1) ? 1 : 0;
      }
    });
  });
  return sum_of(right, predictions.shape());
}

/// Whether the predictions are one score for each target, both with an axis of one number at the end or without.
bool are_binary(const Shape& predictions, const Shape& targets) {
  const auto is_last_one = [](const Shape& shape) { return shape.rank() > 1 && shape.back() == 1; };
  if (predictions.rank() != 1 && !is_last_one(predictions)) return false;
  const auto without = [&](Shape shape) {
    while (is_last_one(shape)) shape = labels_shape(shape);
    return shape;
  };
  return without(predictions) == without(targets);
}

}  // namespace

double Metric::operator()(const Tensor& predictions, const Tensor& targets) const {
  if (predictions.rank() == 0) throw ShapeError(fmt::format("{}: a single number given; expected samples", name));
  if (!sum) throw ValueError(fmt::format("metric '{}' has no function", name));
  return sum(predictions, targets) / static_cast<double>(predictions.shape()[0]);
}

double Accuracy::sum(const Tensor& predictions, const Tensor& targets) const {
  check_floating("accuracy", predictions);
  if (are_binary(predictions.shape(), targets.shape())) return binary_sum(predictions, targets);
  return sum_among_largest("accuracy", predictions, targets, 1);
}

Accuracy::operator Metric() const {
  return {"accuracy", [](const Tensor& p, const Tensor& t) { return Accuracy{}.sum(p, t); }};
}

double TopK::sum(const Tensor& predictions, const Tensor& targets) const {
  if (k < 1) throw ValueError(fmt::format("top_k: k is {}; expected 1 or more", k));
  check_floating("top_k", predictions);
  return sum_among_largest("top_k", predictions, targets, k);
}

TopK::operator Metric() const {
  return {fmt::format("top_{}_accuracy", k),
          [metric = *this](const Tensor& p, const Tensor& t) { return metric.sum(p, t); }};
}

}  // namespace wengert::nn
