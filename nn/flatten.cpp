#include <wengert/autograd/error.h>
#include <wengert/nn/flatten.h>

namespace wengert::nn {

Tensor Flatten::forward(const Tensor& x) {
  const Shape& shape = x.shape();
  if (shape.rank() == 0) throw ShapeError("flatten: a scalar has no batch; expected [batch, ...]");
  std::int64_t features = 1;  // worked out here, for −1 would be ambiguous in an empty batch
  for (std::size_t axis = 1; axis < shape.rank(); ++axis) features *= shape[axis];
  return x.reshape({shape[0], features});
}

}  // namespace wengert::nn
