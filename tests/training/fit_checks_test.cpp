#include <cmath>
#include <functional>
#include <limits>
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
#include <wengert/training/fit.h>

// What a training notices: numbers that are none, and what would not be trained or could not be validated.

namespace wengert::training {
namespace {

using test::quiet;
using test::toy_data;
using test::toy_model;
using test::values_of;

const nn::Loss loss = nn::sparse_categorical_crossentropy;

/// A model that is written down as a function, of one parameter.
struct Written : nn::Module {
  using Function = std::function<Tensor(const Tensor& x, const Parameter& w)>;
  Written(double w, Function function) : weight(full({1}, w), "w"), of(std::move(function)) {}
  Tensor forward(const Tensor& x) override { return of(x, weight); }
  void visit(nn::Visitor& visitor) override { visitor("w", weight); }
  Parameter weight;
  Function of;
};

/// The loss is 1, and its gradient infinite.
Written root_of_zero() {
  return {0, [](const Tensor& x, const Parameter& w) { return x * sqrt(w.value()); }};
}

TEST(Fit, NoticesParametersThatAreNoNumbersUnderALossThatIsOne) {
  const datasets::Dataset data{ones({2, 1}), ones({2, 1})};
  for (const bool compiled : {true, false}) {
    Written model = root_of_zero();
    optim::SGD sgd{model.parameters()};
    FitOptions options = quiet(1, 2);
    options.compile = compiled;
    options.validation = data;
    const History history = fit(model, sgd, nn::mean_squared_error, data, options);
    EXPECT_TRUE(history.diverged);
    EXPECT_EQ(history.stopped_reason,
              "stopped: parameter 'w' is no finite number after step 1 (epoch 1), though the losses were; a gradient "
              "was none, as that of sqrt at 0");
    EXPECT_EQ(history["loss"], std::vector<double>{1});
    EXPECT_FALSE(history.epochs[0].validation.has_value());
  }
}

TEST(Fit, LeavesAloneWhatWasInfiniteFromTheBeginning) {
  struct Masked : nn::Module {
    Tensor forward(const Tensor& x) override { return dense(x) + mask.value(); }
    void visit(nn::Visitor& visitor) override {
      visitor("dense", dense);
      visitor("mask", mask);
    }
    nn::Dense dense{4, 3};
    Parameter mask{Tensor({0.0F, 0.0F, -std::numeric_limits<float>::infinity()}), "mask"};
  } model;
  datasets::Dataset data = toy_data(4);
  data.labels = zeros({4}, DType::i32);
  optim::SGD sgd{model.parameters()};
  const History history = fit(model, sgd, nn::SparseCategoricalCrossentropy{.from_logits = true}, data, quiet(1, 4));
  EXPECT_FALSE(history.diverged) << history.stopped_reason;
  EXPECT_TRUE(std::isinf(model.mask.value().data<float>()[2]));
}

/// Adds a parameter that it does not list.
struct Forgetful : nn::Module {
  Tensor forward(const Tensor& x) override {
    return output(x) + (stops ? stop_gradient(shift.value()) : shift.value());
  }
  void visit(nn::Visitor& visitor) override { visitor("output", output); }
  nn::Dense output{4, 3, nn::linear};
  Parameter shift{zeros({3}), "shift"};
  bool stops = false;
};

TEST(Fit, RefusesAParameterThatTheModelUsesAndNobodyLists) {
  const nn::SparseCategoricalCrossentropy from_logits{.from_logits = true};
  for (const bool compiled : {true, false}) {
    FitOptions options = quiet(1, 4);
    options.compile = compiled;
    Forgetful model;
    const std::vector<double> before = values_of(model);
    optim::SGD sgd{model.parameters()};
    const auto error = [&](optim::Optimizer& optimizer) {
      return message_of<ValueError>([&] { fit(model, optimizer, from_logits, toy_data(8), options); });
    };
    EXPECT_EQ(error(sgd),
              "fit: parameter 'shift' [3] takes part in the loss, but neither does the model list it (visit), nor does "
              "the optimizer hold it; list it (what the optimizer does not hold stays as it is), or use it behind "
              "stop_gradient");
    EXPECT_EQ(values_of(model), before);
    model.stops = true;
    EXPECT_EQ(error(sgd), "nothing was thrown");
    model.stops = false;
    optim::SGD of_both{{model.parameters()[0], model.shift}};
    EXPECT_EQ(error(of_both), "nothing was thrown");
  }
}

TEST(Fit, LeavesAloneWhatTheLossHoldsAndWhatIsListedForAnotherTime) {
  nn::Sequential model{nn::Dense{4, 4, nn::tanh}, nn::Dense{4, 3, nn::softmax}};
  const Parameter scale(full({}, 2.0), "scale");
  const nn::Loss scaled = [&](const Tensor& predictions, const Tensor& labels) {
    return scale * loss(predictions, labels);
  };
  const Tensor frozen = model[0].parameters()[0].value();
  optim::SGD last{model[1].parameters()};
  fit(model, last, scaled, toy_data(8), quiet(1, 4));
  EXPECT_TRUE(same_bits(model[0].parameters()[0].value(), frozen));
  EXPECT_EQ(scale.value().item(), 2);
}

/// What is thrown for data of validation, before anything was trained.
std::string refusal(const datasets::Dataset& validation, std::vector<nn::Metric> metrics = {}) {
  nn::Sequential model = toy_model();
  const std::vector<double> before = values_of(model);
  optim::Adam adam{model.parameters()};
  FitOptions options = quiet(1, 4);
  options.validation = validation;
  options.metrics = std::move(metrics);
  std::string said = message_of<Error>([&] { fit(model, adam, loss, toy_data(8), options); });
  if (said != "nothing was thrown") {
    EXPECT_EQ(values_of(model), before) << said;
  }
  EXPECT_TRUE(model.is_training());
  return said;
}

TEST(Fit, RefusesDataOfValidationThatDoNotFitBeforeTheFirstStep) {
  const datasets::Dataset good = toy_data(8);
  EXPECT_EQ(refusal(good), "nothing was thrown");
  EXPECT_NE(refusal({ones({8, 5}), good.labels}), "nothing was thrown");
  EXPECT_NE(refusal({good.images, ones({8, 2})}), "nothing was thrown");
  EXPECT_EQ(refusal({good.images, good.labels, std::nan("")}),
            "batches: the data set's scale is nan; expected a finite number");
  EXPECT_EQ(refusal({.labels = good.labels}), "dataset: no images were given; expected Dataset{images, labels}");
}

TEST(Fit, RunsNothingOnceMoreForDataOfValidationLikeThoseOfTheTraining) {
  int calls = 0;
  const nn::Metric counting{"calls", [&calls](const Tensor&, const Tensor&) { return double(++calls); }};
  EXPECT_EQ(refusal(toy_data(8), {counting}), "nothing was thrown");
  EXPECT_EQ(calls, 3);  // two batches of training, one of validation
}

}  // namespace
}  // namespace wengert::training
