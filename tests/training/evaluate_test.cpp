#include <vector>

#include "training/toy.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/training/evaluate.h>

namespace wengert::training {
namespace {

using test::toy_data;
using test::toy_model;

const nn::Loss loss = nn::sparse_categorical_crossentropy;

TEST(Evaluate, GivesTheMeansOverAllSamplesWhateverTheBatches) {
  nn::Sequential model = toy_model(DType::f64);
  const datasets::Dataset data = toy_data(23);
  const Scores whole = evaluate(model, loss, data, {.metrics = {nn::accuracy, nn::top_k(2)}, .batch_size = 100});
  const Tensor predictions = predict(model, data);
  EXPECT_NEAR(whole.loss, loss(predictions, data.labels).item(), 1e-15);
  EXPECT_EQ(whole.metrics,
            (std::vector<double>{nn::accuracy(predictions, data.labels), nn::top_k(2)(predictions, data.labels)}));
  for (const std::int64_t size : {1, 4, 23}) {
    const Scores parts = evaluate(model, loss, data, {.metrics = {nn::accuracy}, .batch_size = size});
    EXPECT_NEAR(parts.loss, whole.loss, 1e-14) << size;  // 23 sums in other orders
    EXPECT_EQ(parts.metrics[0], whole.metrics[0]) << size;
  }
}

TEST(Evaluate, RefusesDataWithoutSamplesOrLabels) {
  nn::Sequential model = toy_model();
  EXPECT_THROW(evaluate(model, loss, toy_data(0)), ValueError);
  EXPECT_THROW(evaluate(model, loss, {toy_data(4).images}), ValueError);
  EXPECT_THROW(predict(model, toy_data(0)), ValueError);
}

TEST(Predict, GivesTheResultOfEverySampleInItsOrder) {
  nn::Sequential model = toy_model();
  const datasets::Dataset data = toy_data(10);
  const Tensor whole = model(data.images);
  for (const std::int64_t size : {1, 3, 10, 99}) {
    const Tensor parts = predict(model, data.images, {.batch_size = size});
    EXPECT_EQ(parts.shape(), Shape({10, 3}));
    for (std::size_t i = 0; i < 30; ++i) {
      // A product of few rows may sum in another order than one of many.
      EXPECT_NEAR(parts.data<float>()[i], whole.data<float>()[i], 1e-6) << size;
    }
  }
}

TEST(Predict, TakesPixelsAtTheirScaleAndInTheDtypeOfTheModel) {
  nn::Sequential model{nn::Flatten{}, nn::Dense{4, 2, nn::linear, {.dtype = DType::f64}}};
  const datasets::Dataset pixels{.images = Tensor(std::vector<std::uint8_t>{0, 51, 102, 255}, {1, 2, 2}),
                                 .scale = 1.0 / 255};
  const Tensor expected = model(Tensor({0.0, 0.2, 0.4, 1.0}, {1, 2, 2}));
  const Tensor result = predict(model, pixels);
  EXPECT_EQ(result.dtype(), DType::f64);
  EXPECT_EQ(result.data<double>()[0], expected.data<double>()[0]);
  EXPECT_EQ(result.data<double>()[1], expected.data<double>()[1]);
}

/// Notes in which mode it is called.
class ModeProbe : public nn::Module {
 public:
  Tensor forward(const Tensor& x) override {
    modes->push_back(is_training());
    return x;
  }
  std::shared_ptr<std::vector<bool>> modes = std::make_shared<std::vector<bool>>();
};

TEST(Predict, PutsTheModelIntoEvaluationModeAndBack) {
  const ModeProbe probe;
  nn::Sequential model{probe};
  predict(model, zeros({2, 3}));
  EXPECT_EQ(*probe.modes, std::vector<bool>{false});
  EXPECT_TRUE(model.is_training());
}

}  // namespace
}  // namespace wengert::training
