#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/datasets/dataset.h>

namespace wengert::datasets {

std::int64_t Dataset::size() const {
  if (!images.defined()) throw ValueError("dataset: no images were given; expected Dataset{images, labels}");
  if (images.rank() == 0) throw ShapeError("dataset: images are []; expected [samples, ...]");
  const std::int64_t samples = images.shape()[0];
  if (labels.defined() && (labels.rank() == 0 || labels.shape()[0] != samples)) {
    throw ShapeError(fmt::format("dataset: images {} and labels {}; expected the same number of samples first in both",
                                 to_string(images.shape()), to_string(labels.shape())));
  }
  return samples;
}

}  // namespace wengert::datasets
