#include <vector>

#include "training/toy.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/optim.h>
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

}  // namespace
}  // namespace wengert::training
