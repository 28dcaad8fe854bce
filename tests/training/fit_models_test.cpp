#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
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

// What a model, its layers and its loss may be and do while they are fitted.

namespace wengert::training {
namespace {

using test::quiet;
using test::toy_data;
using test::toy_model;

TEST(Fit, LeavesALayerInEvaluationModeThatWasPutThere) {
  nn::Sequential model{nn::Dense{4, 4}, nn::Dense{4, 3, nn::softmax}};
  model[0].eval();
  std::vector<bool> modes;
  const auto note = [&] { modes.push_back(model[0].is_training()); };
  FitOptions options = quiet(2, 6);
  options.validation = toy_data(6);
  options.callbacks = {
      {.on_step_end = [&](const auto&) { note(); }, .on_epoch_end = [&](const auto&, auto&) { note(); }}};
  optim::Adam adam{model.parameters()};
  fit(model, adam, nn::sparse_categorical_crossentropy, toy_data(6), options);
  note();
  EXPECT_EQ(modes, std::vector<bool>(5, false));
  EXPECT_TRUE(model[1].is_training());
}

TEST(Fit, AllowsACallbackToPutAnotherModelInThePlaceOfItsOwn) {
  nn::Sequential model{nn::Dense{4, 4}, nn::Dense{4, 3, nn::softmax}};
  const nn::Sequential best = nn::clone(model);
  FitOptions options = quiet(3, 4);
  options.validation = toy_data(6);
  options.callbacks = {{.on_epoch_end = [&](const auto&, auto&) { model = nn::clone(best); }}};
  optim::Adam adam{model.parameters()};
  EXPECT_EQ(fit(model, adam, nn::sparse_categorical_crossentropy, toy_data(12), options).epochs.size(), 3U);
  EXPECT_TRUE(model[1].is_training());
}

TEST(Fit, RefusesALossThatIsNotOneNumber) {
  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters()};
  const nn::Loss of_samples = [](const Tensor& predictions, const Tensor&) { return sum(predictions, {1}); };
  try {
    fit(model, adam, of_samples, toy_data(4), quiet(1, 4));
    ADD_FAILURE();
  } catch (const ShapeError& failure) {
    EXPECT_STREQ(failure.what(), "fit: the loss of a batch is [4]; expected one number, such as the mean over it");
  }
}

TEST(Fit, RefusesEmptyFunctionsAndColumnsOfOneName) {
  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters()};
  const nn::Loss loss = nn::sparse_categorical_crossentropy;
  const auto refusal = [&](const nn::Loss& used, std::vector<nn::Metric> metrics) {
    FitOptions options = quiet(1, 4);
    options.metrics = std::move(metrics);
    return message_of<ValueError>([&] { fit(model, adam, used, toy_data(4), options); });
  };
  const nn::Metric metric = nn::accuracy;
  EXPECT_EQ(refusal({}, {}), "fit: the loss is empty; expected a function");
  EXPECT_EQ(refusal(loss, {{"mine", {}}}), "fit: metric 'mine' has no function");
  EXPECT_EQ(refusal(loss, {metric, metric}), "fit: two columns are called 'accuracy'; give the metric another name");
  for (const char* name : {"loss", "epoch", "steps", "seconds", "val_loss"}) {
    EXPECT_EQ(refusal(loss, {{name, metric.sum}}),
              std::string("fit: two columns are called '") + name + "'; give the metric another name");
  }
  for (const auto& [first, second] : {std::pair("m", "val_m"), std::pair("val_m", "m")}) {
    EXPECT_EQ(refusal(loss, {{first, metric.sum}, {second, metric.sum}}),
              "fit: two columns are called 'val_m'; give the metric another name");
  }
  EXPECT_THROW(evaluate(model, {}, toy_data(4)), ValueError);
}

TEST(Fit, LeavesAloneWhatTheLossDoesNotDependOn) {
  nn::Sequential model{nn::Dense{4, 4}, nn::Dense{4, 3}};
  class Frozen : public nn::Module {
   public:
    explicit Frozen(nn::Sequential& parts) : layers(parts) {}
    Tensor forward(const Tensor& x) override { return layers[1](stop_gradient(layers[0](x))); }
    void visit(nn::Visitor& visitor) override { visitor("layers", layers); }
    nn::Sequential layers;
  } frozen(model);
  const std::vector<Parameter> parameters = frozen.parameters();
  const Tensor first = parameters[0].value(), last = parameters[2].value();
  optim::AdamW decaying{parameters, {.learning_rate = 0.1, .weight_decay = 0.9}};
  const nn::SparseCategoricalCrossentropy loss{.from_logits = true};
  fit(frozen, decaying, loss, toy_data(8), quiet(1, 4));
  EXPECT_TRUE(same_bits(parameters[0].value(), first));
  EXPECT_FALSE(same_bits(parameters[2].value(), last));

  const nn::Loss constant = [](const Tensor& predictions, const Tensor&) { return mean(stop_gradient(predictions)); };
  EXPECT_EQ(message_of<ValueError>([&] { fit(frozen, decaying, constant, toy_data(8), quiet(1, 4)); }),
            "step: the loss depends on no parameter; is all that it is computed from behind stop_gradient?");
}

TEST(Fit, FindsWhatAStepTakesFromTheHostWhenAskedToVerify) {
  double weight = 1;  // which the recorded step keeps, whatever a callback makes of it
  const nn::Loss weighted = [&](const Tensor& predictions, const Tensor& labels) {
    return weight * nn::sparse_categorical_crossentropy(predictions, labels);
  };
  FitOptions options = quiet(2, 6);
  options.verify = true;
  const auto trained = [&](const Callback& callback) {
    options.callbacks = {callback};
    nn::Sequential model = toy_model();
    optim::Adam adam{model.parameters()};
    return message_of<ValueError>([&] { fit(model, adam, weighted, toy_data(12), options); });
  };
  EXPECT_EQ(trained({}), "nothing was thrown");
  const Callback halving{.on_epoch_end = [&](const auto&, auto&) { weight /= 2; }};
  EXPECT_NE(trained(halving).find("was 1, and now is 0.5"), std::string::npos);
  options.verify = false;
  EXPECT_EQ(trained(halving), "nothing was thrown");
}

TEST(Fit, GoesOnFromAnInitialEpochAsIfItHadNotEnded) {
  const nn::Loss loss = nn::sparse_categorical_crossentropy;
  const auto trained = [&](const std::vector<std::int64_t>& ends) {
    nn::Sequential model = toy_model();
    optim::Adam adam{model.parameters()};
    std::vector<std::int64_t> epochs;
    std::int64_t done = 0;
    for (const std::int64_t end : ends) {
      FitOptions options = quiet(end, 4);
      options.initial_epoch = std::exchange(done, end);
      options.callbacks = {{.on_epoch_begin = [&](std::int64_t epoch) { epochs.push_back(-epoch); }}};
      for (const EpochRecord& record : fit(model, adam, loss, toy_data(18), options).epochs)
        epochs.push_back(record.epoch);
    }
    return std::pair(test::values_of(model), epochs);
  };
  const auto [at_once, numbers] = trained({4});
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{-1, -2, -3, -4, 1, 2, 3, 4}));
  const auto [in_parts, parts] = trained({2, 4, 4});
  EXPECT_EQ(in_parts, at_once);
  EXPECT_EQ(parts, (std::vector<std::int64_t>{-1, -2, 1, 2, -3, -4, 3, 4}));
  EXPECT_NE(trained({2, 3}).first, at_once);
}

TEST(Fit, CountsItsOwnStepsFromTheInitialEpochOn) {
  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters()};
  FitOptions options = quiet(5, 4);
  options.initial_epoch = 3;
  options.max_steps = 3;  // of 2 an epoch
  const History history = fit(model, adam, nn::sparse_categorical_crossentropy, toy_data(8), options);
  ASSERT_EQ(history.epochs.size(), 2U);
  EXPECT_EQ(history.epochs[1].epoch, 5);
  EXPECT_EQ(adam.steps(), 3);
}

TEST(Fit, ShowsEpochsFromTheInitialOneOn) {
  std::ostringstream output;
  FitOptions options{.epochs = 3, .initial_epoch = 2, .batch_size = 4, .progress = Progress::lines, .output = &output};
  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters()};
  fit(model, adam, nn::sparse_categorical_crossentropy, toy_data(8), options);
  const std::string text = output.str();
  EXPECT_EQ(text.substr(0, 16), "epoch 3/3: loss ");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

}  // namespace
}  // namespace wengert::training
