#pragma once

#include <cstdint>

#include <wengert/autograd/tensor.h>

/// datasets: from files to tensors to batches. A data set keeps its elements as they were in the file; numbers to
/// compute with are made batch by batch.

namespace wengert::datasets {

/// Samples and their labels, both counted by their first axis. Made by the readers of this folder, or from any two
/// tensors: `Dataset{features, targets}`.
struct Dataset {
  /// [samples, …], of any dtype: pixels as u8, features as f32.
  Tensor images = {};
  /// [samples, …], of any dtype: integers for classes, rows for targets. May be left out where nobody asks for labels.
  Tensor labels = {};
  /// What one unit of `images` counts in a batch: 1/255 for pixels.
  double scale = 1;

  /// Number of samples. Throws ValueError where there are no images, ShapeError where images are a scalar or where
  /// images and labels differ in number.
  std::int64_t size() const;
};

/// What data sets commonly come as.
struct TrainAndTest {
  Dataset train, test;
};

}  // namespace wengert::datasets
