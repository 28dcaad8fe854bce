#include <utility>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/datasets/batches.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/internal/loop.h>

namespace wengert::training {

namespace {

/// Throws ShapeError unless the results are one for each of `count` samples.
const Tensor& checked(const Tensor& results, std::int64_t count) {
  if (results.rank() != 0 && results.shape()[0] == count) return results;
  throw ShapeError(fmt::format("predict: the model gives {} for {} samples; expected one result for each",
                               to_string(results.shape()), count));
}

}  // namespace

Scores evaluate(nn::Module& model, const nn::Loss& loss, const datasets::Dataset& data,
                const EvaluateOptions& options) {
  require(options.batch_size >= 1, "evaluate", "batch_size", options.batch_size, "1 or more");
  require_labels("evaluate", data);
  require_functions("evaluate", loss, options.metrics);
  const Mode mode(model, false);
  RunningMeans means(options.metrics);
  const auto score = [&](const Tensor& images, const Tensor& labels) {
    const Tensor predictions = model(images);
    return std::pair(loss(predictions, labels), predictions);
  };
  const auto compiled = compile(score);
  for (const auto& [images, labels] :
       datasets::batches(data, {.size = options.batch_size, .dtype = model.input_dtype()})) {
    const auto [value, predictions] = options.compile ? compiled(images, labels) : score(images, labels);
    require_one_number("evaluate", value);
    means.add(value.item<double>(), predictions, labels);
  }
  return means.means();
}

Tensor predict(nn::Module& model, const datasets::Dataset& data, const PredictOptions& options) {
  require(options.batch_size >= 1, "predict", "batch_size", options.batch_size, "1 or more");
  require_samples("predict", data);
  const Mode mode(model, false);
  const auto results = [&](const Tensor& images) { return model(images); };
  const auto compiled = compile(results);
  std::vector<Tensor> all;
  for (const auto& [images, labels] :
       datasets::batches(data, {.size = options.batch_size, .dtype = model.input_dtype()})) {
    const Tensor found = options.compile ? compiled(images) : without_logits(results(images));
    all.push_back(checked(found, images.shape()[0]));
  }
  return all.size() == 1 ? all[0] : concat(all);
}

Tensor predict(nn::Module& model, const Tensor& inputs, const PredictOptions& options) {
  return predict(model, datasets::Dataset{.images = inputs}, options);
}

}  // namespace wengert::training
