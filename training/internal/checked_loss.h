#pragma once

#include <wengert/autograd/error.h>
#include <wengert/autograd/tensor.h>

namespace wengert::training {

/// A loss is NaN or infinite.
class LossNotFinite : public Error {
 public:
  explicit LossNotFinite(double value);
  double loss;
};

/// The loss, which has one element, as it is; throws LossNotFinite where it is no finite number. An operation, so that
/// a step that is replayed stops there as well: before the update, which is recorded after it.
Tensor checked_loss(const Tensor& loss);

}  // namespace wengert::training
