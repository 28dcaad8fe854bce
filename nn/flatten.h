#pragma once

#include <wengert/nn/module.h>

namespace wengert::nn {

/// Every sample as one row: [batch, …] → [batch, product of the other extents]; [batch] → [batch, 1].
class Flatten : public Module {
 public:
  /// Throws ShapeError for a scalar.
  Tensor forward(const Tensor& x) override;
};

}  // namespace wengert::nn
