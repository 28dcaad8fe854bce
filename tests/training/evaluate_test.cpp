#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include "training/toy.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operations.h>
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
  const nn::Loss of_samples = [](const Tensor& predictions, const Tensor&) { return sum(predictions, {1}); };
  EXPECT_EQ(message_of<ShapeError>([&] { evaluate(model, of_samples, toy_data(4)); }),
            "evaluate: the loss of a batch is [4]; expected one number, such as the mean over it");
}

TEST(Evaluate, RefusesBatchesOfNothing) {
  nn::Sequential model = toy_model();
  EXPECT_EQ(message_of<ValueError>([&] { evaluate(model, loss, toy_data(4), {.batch_size = 0}); }),
            "evaluate: batch_size is 0; expected 1 or more");
  EXPECT_EQ(message_of<ValueError>([&] { predict(model, toy_data(4), {.batch_size = -1}); }),
            "predict: batch_size is -1; expected 1 or more");
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

/// Doubles what it is given, and counts how often its code ran.
class Counting : public nn::Module {
 public:
  Tensor forward(const Tensor& x) override {
    ++*calls;
    return x * 2;
  }
  std::shared_ptr<int> calls = std::make_shared<int>(0);
};

TEST(Evaluate, RunsTheModelOncePerShapeAndGivesTheSameBitsUncompiled) {
  const Counting counting;
  nn::Sequential model{counting, nn::Dense{4, 8, nn::gelu}, nn::Dense{8, 3, nn::softmax}};
  const datasets::Dataset data = toy_data(23);  // five batches of 4 and one of 3
  const Scores compiled = evaluate(model, loss, data, {.metrics = {nn::accuracy}, .batch_size = 4});
  EXPECT_EQ(*counting.calls, 2);
  const Scores eager = evaluate(model, loss, data, {.metrics = {nn::accuracy}, .batch_size = 4, .compile = false});
  EXPECT_EQ(*counting.calls, 8);
  EXPECT_EQ(compiled.loss, eager.loss);
  EXPECT_EQ(compiled.metrics, eager.metrics);
  EXPECT_TRUE(
      same_bits(predict(model, data, {.batch_size = 4}), predict(model, data, {.batch_size = 4, .compile = false})));
  EXPECT_EQ(*counting.calls, 16);
}

/// Of logits so far apart that f32 holds a probability of 0.
nn::Sequential confident_model() {
  struct Confident : nn::Module {
    Tensor forward(const Tensor& x) override { return softmax(x * 60.0); }
  };
  return nn::Sequential{Confident{}};
}

// What is compiled cannot carry logits, by which a loss would be more exact than by probabilities.
TEST(Evaluate, GivesAMetricThatIsALossTheSameBitsUncompiled) {
  nn::Sequential model = confident_model();
  const datasets::Dataset data{Tensor({{0.0F, 1.0F}, {1.0F, 0.0F}}), Tensor({0, 0})};
  const nn::Metric crossentropy{"crossentropy", [](const Tensor& predictions, const Tensor& labels) {
                                  return loss(predictions, labels).item<double>() * 2;
                                }};
  const Scores compiled = evaluate(model, loss, data, {.metrics = {crossentropy}});
  const Scores eager = evaluate(model, loss, data, {.metrics = {crossentropy}, .compile = false});
  EXPECT_EQ(compiled.loss, 30);
  EXPECT_EQ(eager.loss, 30);
  EXPECT_EQ(eager.metrics, compiled.metrics);
  EXPECT_LT(eager.metrics[0], 10);  // −log of what probabilities are clipped to, halved
}

TEST(Predict, GivesProbabilitiesWithoutLogitsHoweverTheyWereMade) {
  nn::Sequential model = confident_model();
  const Tensor inputs({{0.0F, 1.0F}, {1.0F, 0.0F}});
  for (const bool compile : {true, false}) {
    for (const std::int64_t size : {1, 2}) {
      EXPECT_FALSE(traced_logits(predict(model, inputs, {.batch_size = size, .compile = compile})).defined());
    }
  }
}

TEST(Evaluate, TakesMetricsOfAnyName) {
  nn::Sequential model = toy_model();
  const nn::Metric metric = nn::accuracy;
  const Scores scores = evaluate(model, loss, toy_data(4), {.metrics = {{"seconds", metric.sum}, metric, metric}});
  EXPECT_EQ(scores.metrics, std::vector<double>(3, scores.metrics[0]));
  EXPECT_EQ(message_of<ValueError>([&] {
              evaluate(model, loss, toy_data(4), {.metrics = {{"mine", {}}}});
            }),
            "evaluate: metric 'mine' has no function");
}

TEST(Evaluate, TakesModelsThatReadValuesOnTheHostWhenItDoesNotCompile) {
  class Reading : public nn::Module {
   public:
    Tensor forward(const Tensor& x) override { return x * sum(x).item(); }
  };
  nn::Sequential model{Reading{}, nn::Dense{4, 3, nn::softmax}};
  EXPECT_THROW(evaluate(model, loss, toy_data(4)), ValueError);
  EXPECT_GT(evaluate(model, loss, toy_data(4), {.compile = false}).loss, 0);
  EXPECT_TRUE(model.is_training());
}

TEST(Predict, PutsTheModelIntoEvaluationModeAndBack) {
  const ModeProbe probe;
  nn::Sequential model{probe};
  predict(model, zeros({2, 3}));
  EXPECT_EQ(*probe.modes, std::vector<bool>{false});
  EXPECT_TRUE(model.is_training());
}

/// Gives what it is told to of a batch.
struct Given : nn::Module {
  explicit Given(std::function<Tensor(const Tensor&)> result) : of(std::move(result)) {}
  Tensor forward(const Tensor& x) override { return of(x); }
  std::function<Tensor(const Tensor&)> of;
};

TEST(Predict, RefusesAModelThatDoesNotGiveOneResultForEachSample) {
  const auto error = [](std::function<Tensor(const Tensor&)> result) -> std::string {
    Given model(std::move(result));
    try {
      predict(model, ones({600, 4}));
    } catch (const ShapeError& failure) {
      return failure.what();
    }
    return "none";
  };
  EXPECT_EQ(error([](const Tensor& x) {
              return reshape(x, {x.size(), 1});
            }),
            "predict: the model gives [1024, 1] for 256 samples; expected one result for each");
  EXPECT_EQ(error([](const Tensor& x) { return mean(x, {0}, true); }),
            "predict: the model gives [1, 4] for 256 samples; expected one result for each");
  EXPECT_EQ(error([](const Tensor& x) { return mean(x); }),
            "predict: the model gives [] for 256 samples; expected one result for each");
  EXPECT_EQ(error([](const Tensor& x) {
              return x.shape()[0] == 256 ? x : slice(x, {0, 0}, {88, 2});
            }),
            "concat: [256, 4] and [88, 2] along axis 0; expected equal extents along all other axes");
}

TEST(Predict, PutsEveryLayerIntoEvaluationModeAndBackIntoItsOwn) {
  struct Marked : nn::Module {
    Tensor forward(const Tensor& x) override { return is_training() ? x * 100.0 : x; }
  };
  nn::Sequential model{Marked{}};
  model.eval();
  model.add(Marked{});  // in training
  EXPECT_TRUE(same_bits(predict(model, ones({3, 2})), ones({3, 2})));
  EXPECT_FALSE(model.is_training());
  EXPECT_FALSE(model[0].is_training());
  EXPECT_TRUE(model[1].is_training());
}

}  // namespace
}  // namespace wengert::training
