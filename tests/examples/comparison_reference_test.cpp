#include <cmath>

#include "examples/comparison.h"
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <wengert/autograd/tape.h>
#include <wengert/datasets/datasets.h>
#include <wengert/nn/nn.h>
#include <wengert/training/checkpoint.h>

namespace wengert::test {
namespace {

const std::string folder = WENGERT_SOURCE_DIR "/tests/data/fashion_mlp/";

/// What an independent program computed in float64 (tests/data/fashion_mlp/README.md).
const nlohmann::json& reference() {
  static const nlohmann::json json = nlohmann::json::parse(read_file(folder + "trajectory.json"));
  return json;
}

std::vector<std::string> activations() {
  std::vector<std::string> names;
  for (const auto& [name, losses] : reference().at("loss").items()) names.push_back(name);
  return names;
}

class ComparisonReference : public Comparison {
 protected:
  void SetUp() override {
    try {
      images_ = datasets::fashion_mnist().train;
    } catch (const FileError& error) {
      GTEST_SKIP() << error.what();
    }
  }

  /// The largest relative difference to the reference in the first steps of any activation.
  double worst_difference(const std::string& precision, std::size_t steps) const {
    const std::string file = directory / "steps.json";
    const Finished finished =
        run(command({"--activations", fmt::format("{}", fmt::join(activations(), ",")), "--precision", precision,
                     "--no-shuffle", "--max-steps", std::to_string(steps), "--initial-weights",
                     folder + "initial_weights.safetensors", "--record-steps", file, "--jobs", "8", "--out", out()}));
    EXPECT_EQ(finished.status, 0) << finished.errors;
    const auto losses = recorded(file);
    double worst = 0;
    for (const std::string& activation : activations()) {
      const std::vector<double> expected = reference().at("loss").at(activation);
      EXPECT_EQ(losses.at(activation).size(), steps);
      for (std::size_t i = 0; i < steps; ++i) {
        worst = std::max(worst, std::abs(losses.at(activation)[i] / expected[i] - 1));
      }
    }
    return worst;
  }

  datasets::Dataset images_;
};

TEST_F(ComparisonReference, IsFollowedInF64OverAllSteps) {
  ASSERT_EQ(activations().size(), 7U);
  // Correct programs that sum in other orders stay within 7e-15; a learning rate rounded to f32 shows at 1e-8.
  EXPECT_LT(worst_difference("f64", 300), 1e-12);
}

TEST_F(ComparisonReference, IsFollowedInF32OverThirtySteps) {
  // Later relu and its relatives part at their kinks: one rounding flips a unit.
  EXPECT_LT(worst_difference("f32", 30), 1e-6);
}

TEST_F(ComparisonReference, HasTheSameGradientsInTheFirstStep) {
  const auto [images, labels] = datasets::batches(images_, {.size = 32, .dtype = DType::f64})[0];
  for (const std::string& activation : activations()) {
    const nn::DenseOptions wide{.dtype = DType::f64};
    nn::Sequential model{nn::Flatten{}, nn::named("hidden", nn::Dense{784, 128, nn::activation(activation), wide}),
                         nn::named("output", nn::Dense{128, 10, nn::softmax, wide})};
    training::load_weights(model, folder + "initial_weights.safetensors");
    Tape tape;
    const Gradients gradients = tape.gradient(nn::sparse_categorical_crossentropy(model(images), labels));
    const std::vector<double> expected = reference().at("grad_norm_step0").at(activation);
    const std::vector<Parameter> parameters = model.parameters();
    ASSERT_EQ(parameters.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      double squares = 0;
      for (const double entry : gradients[parameters[i]].data<double>()) squares += entry * entry;
      EXPECT_NEAR(std::sqrt(squares) / expected[i], 1, 1e-13) << activation << ", " << parameters[i].name();
    }
  }
}

}  // namespace
}  // namespace wengert::test
