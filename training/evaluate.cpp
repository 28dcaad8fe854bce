#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/datasets/batches.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/internal/loop.h>

namespace wengert::training {

namespace {

/// The results for all samples, put one behind the other.
class Results {
 public:
  explicit Results(std::int64_t samples) : samples_(samples) {}

  /// Throws ShapeError unless they are one for each of `count` samples, like those before.
  void add(const Tensor& part, std::int64_t count) {
    if (part.rank() == 0 || part.shape()[0] != count) {
      throw ShapeError(fmt::format("predict: the model gives {} for {} samples; expected one result for each",
                                   to_string(part.shape()), count));
    }
    const Shape whole = with_samples(part.shape());
    if (!all_.defined()) all_ = empty(whole, part.dtype());
    if (whole != all_.shape() || part.dtype() != all_.dtype()) {
      throw ShapeError(fmt::format("predict: the model gives {} {} for a batch, and {} {} for all",
                                   name_of(part.dtype()), to_string(part.shape()), name_of(all_.dtype()),
                                   to_string(all_.shape())));
    }
    dispatch(part.dtype(), [&](auto type) {
      const auto from = part.data<decltype(type)>();
      std::copy(from.begin(), from.end(), writable<decltype(type)>(all_).begin() + place_);
      place_ += std::ssize(from);
    });
  }

  const Tensor& all() const { return all_; }

 private:
  Shape with_samples(const Shape& of_part) const {
    Ints extents(of_part);
    extents[0] = samples_;
    return Shape(extents);
  }

  std::int64_t samples_;
  std::ptrdiff_t place_ = 0;
  Tensor all_;
};

}  // namespace

Scores evaluate(nn::Module& model, const nn::Loss& loss, const datasets::Dataset& data,
                const EvaluateOptions& options) {
  require_labels("evaluate", data);
  const Mode mode(model, false);
  RunningMeans means(options.metrics);
  const auto score = [&](const Tensor& images, const Tensor& labels) {
    const Tensor predictions = model(images);
    return std::pair(loss(predictions, labels), predictions);
  };
  const auto compiled = compile(score);
  for (const auto& [images, labels] :
       datasets::batches(data, {.size = options.batch_size, .dtype = input_dtype(model)})) {
    const auto [value, predictions] = options.compile ? compiled(images, labels) : score(images, labels);
    means.add(value.item<double>(), predictions, labels);
  }
  return means.means();
}

Tensor predict(nn::Module& model, const datasets::Dataset& data, const PredictOptions& options) {
  require_samples("predict", data);
  const Mode mode(model, false);
  const auto results = [&](const Tensor& images) { return model(images); };
  const auto compiled = compile(results);
  Results all(data.size());
  for (const auto& [images, labels] :
       datasets::batches(data, {.size = options.batch_size, .dtype = input_dtype(model)})) {
    all.add(options.compile ? compiled(images) : results(images), images.shape()[0]);
  }
  return all.all();
}

Tensor predict(nn::Module& model, const Tensor& inputs, const PredictOptions& options) {
  return predict(model, datasets::Dataset{.images = inputs}, options);
}

}  // namespace wengert::training
