#include <future>
#include <string>
#include <utility>
#include <vector>

#include "training/toy.h"
#include <gtest/gtest.h>

#include <wengert/optim/optim.h>
#include <wengert/training/fit.h>

namespace wengert::training {
namespace {

/// The losses of all steps, and the parameters at the end.
using Figures = std::pair<std::vector<double>, std::vector<double>>;

Figures train(const std::string& activation) {
  nn::Sequential model{nn::Dense{4, 16, nn::activation(activation)}, nn::Dense{16, 3, nn::softmax}};
  optim::Adam adam{model.parameters(), {.learning_rate = 0.01}};
  std::vector<double> losses;
  FitOptions options{.epochs = 4, .batch_size = 7, .metrics = {nn::accuracy}, .progress = Progress::silent};
  options.validation = test::toy_data(15);
  options.callbacks = {{.on_step_end = [&](const StepReport& report) { losses.push_back(report.loss); }}};
  fit(model, adam, nn::sparse_categorical_crossentropy, test::toy_data(60), options);
  return {losses, test::values_of(model)};
}

TEST(Threads, ModelsTrainedSideBySideGiveTheBitsThatEachGivesAlone) {
  const std::vector<std::string> activations{"relu", "gelu", "sigmoid", "tanh"};
  std::vector<std::future<Figures>> together;
  for (const std::string& activation : activations) {
    together.push_back(std::async(std::launch::async, train, activation));
  }
  for (std::size_t i = 0; i < activations.size(); ++i) {
    EXPECT_EQ(together[i].get(), train(activations[i])) << activations[i];
  }
}

}  // namespace
}  // namespace wengert::training
