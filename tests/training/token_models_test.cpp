#include "support/token_models.h"

#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include "training/toy.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/optim.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/fit.h>

// Models whose inputs are integers: tokens, categories.

namespace wengert::training {
namespace {

using test::quiet;
using test::sentences;
using test::token_model;
using test::values_of;

const nn::Loss loss = nn::sparse_categorical_crossentropy;

TEST(Fit, TrainsAModelOfTokensCompiledAndNotWithTheSameBits) {
  std::vector<std::vector<double>> trained;
  for (const bool compiled : {true, false}) {
    nn::Sequential model = token_model();
    optim::Adam adam{model.parameters(), {.learning_rate = 0.02}};
    FitOptions options = quiet(30, 8);
    options.compile = compiled;
    options.validation = sentences(11, DType::u8);
    options.metrics = {nn::accuracy};
    const History history = fit(model, adam, loss, sentences(60), options);
    EXPECT_LT(history["loss"].back(), history["loss"].front() / 2);
    EXPECT_GT(history["val_accuracy"].back(), 0.85);
    trained.push_back(values_of(model));
  }
  EXPECT_EQ(trained[0], trained[1]);
}

/// The mean of the rows of a sentence's words; the module itself holds the rows.
struct MeanOfWords : nn::Module {
  Tensor forward(const Tensor& x) override { return output(mean(take(rows.value(), x), {1})); }
  void visit(nn::Visitor& v) override { v("rows", rows, nn::glorot_uniform), v("output", output); }
  DType input_dtype() override { return DType::i64; }
  Parameter rows{zeros({7, 4})};
  nn::Dense output{4, 3, nn::softmax};
};

TEST(Fit, FollowsTheDtypeThatAModelOfOnesOwnSays) {
  std::vector<std::vector<double>> trained;
  for (const DType stored : {DType::u8, DType::i32, DType::i64}) {
    MeanOfWords model;
    optim::SGD sgd{model.parameters(), {.learning_rate = 0.5}};
    fit(model, sgd, loss, sentences(20, stored), quiet(2, 8));
    trained.push_back(values_of(model));
  }
  EXPECT_EQ(trained[0], trained[1]);
  EXPECT_EQ(trained[0], trained[2]);
}

TEST(Predict, TakesTokens) {
  nn::Sequential model = token_model();
  const datasets::Dataset data = sentences(10);
  const Tensor expected = stop_gradient(model(data.images));
  for (const bool compiled : {true, false}) {
    const PredictOptions options{.batch_size = 10, .compile = compiled};
    for (const DType stored : {DType::u8, DType::i32, DType::i64})
      EXPECT_TRUE(same_bits(predict(model, sentences(10, stored), options), expected));
    EXPECT_TRUE(same_bits(predict(model, data.images, options), expected));
    EXPECT_EQ(evaluate(model, loss, data, {.compile = compiled}).loss, loss(expected, data.labels).item());
  }
}

TEST(Predict, GivesIntegersThroughNoFloatingDtype) {
  struct Same : nn::Module {
    Tensor forward(const Tensor& x) override { return x; }
    DType input_dtype() override { return DType::i64; }
  } same;
  EXPECT_TRUE(
      same_bits(predict(same, Tensor({(1 << 24) + 1, -7})), Tensor(std::vector<std::int64_t>{(1 << 24) + 1, -7})));
}

TEST(Fit, RefusesFeaturesWhereTheModelTakesIntegers) {
  nn::Sequential model = token_model();
  const std::vector<double> before = values_of(model);
  optim::SGD sgd{model.parameters()};
  datasets::Dataset scaled = sentences(8);
  scaled.scale = 0.5;
  const auto refusal = [&](const datasets::Dataset& data, const datasets::Dataset& validation = {}) {
    FitOptions options = quiet(1, 4);
    options.validation = validation;
    return message_of<DTypeError>([&] { fit(model, sgd, loss, data, options); });
  };
  const std::string floating =
      "batches: the images are f32 of scale 1, and i32 is asked for; expected integers of scale 1";
  const std::string fractions =
      "batches: the images are i32 of scale 0.5, and i32 is asked for; expected integers of scale 1";
  const datasets::Dataset features = sentences(8, DType::f32);
  EXPECT_EQ(refusal(features), floating);
  EXPECT_EQ(refusal(scaled), fractions);
  EXPECT_EQ(refusal(sentences(8), features), floating);
  EXPECT_EQ(refusal(sentences(8), scaled), fractions);
  EXPECT_EQ(values_of(model), before);
}

}  // namespace
}  // namespace wengert::training
