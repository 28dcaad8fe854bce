#include <algorithm>
#include <utility>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operation.h>
#include <wengert/datasets/batches.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/internal/loop.h>

namespace wengert::training {

namespace {

/// A tensor for `samples` results like those in `first`.
Tensor room_for(const Tensor& first, std::int64_t samples) {
  Ints extents(std::span(first.shape().begin(), first.rank()));
  extents[0] = samples;
  return empty(Shape(std::span(extents.begin(), extents.size())), first.dtype());
}

void put(const Tensor& part, std::size_t place, Tensor& whole) {
  dispatch(part.dtype(), [&](auto type) {
    const auto from = part.data<decltype(type)>();
    std::copy(from.begin(), from.end(), writable<decltype(type)>(whole).begin() + static_cast<std::ptrdiff_t>(place));
  });
}

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
  Tensor all;
  std::size_t place = 0;
  for (const auto& [images, labels] :
       datasets::batches(data, {.size = options.batch_size, .dtype = input_dtype(model)})) {
    const Tensor part = options.compile ? compiled(images) : results(images);
    if (!all.defined()) all = room_for(part, data.size());
    put(part, place, all);
    place += static_cast<std::size_t>(part.size());
  }
  return all;
}

Tensor predict(nn::Module& model, const Tensor& inputs, const PredictOptions& options) {
  return predict(model, datasets::Dataset{.images = inputs}, options);
}

}  // namespace wengert::training
