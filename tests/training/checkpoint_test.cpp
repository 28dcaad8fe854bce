#include <limits>

#include "datasets/test_files.h"
#include "training/toy.h"

#include <wengert/optim/optim.h>
#include <wengert/training/checkpoint.h>
#include <wengert/training/fit.h>
#include <wengert/training/safetensors.h>

namespace wengert::training {
namespace {

using test::toy_data;
using test::toy_model;
using test::values_of;

class Checkpoint : public testing::Test {
 protected:
  const test::TemporaryDirectory directory;
  const std::string path = directory / "weights.safetensors";
};

TEST_F(Checkpoint, BringsBackEveryBitOfAModel) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    nn::Sequential model = toy_model(dtype);
    model.initialize(5);
    save_weights(model, path);
    nn::Sequential other = toy_model(dtype);
    EXPECT_NE(values_of(other), values_of(model));
    load_weights(other, path);
    EXPECT_EQ(values_of(other), values_of(model));
  }
}

TEST_F(Checkpoint, ConvertsToTheDtypeOfTheModel) {
  nn::Sequential narrow = toy_model(), wide = toy_model(DType::f64);
  narrow.initialize(5);
  save_weights(narrow, path);
  load_weights(wide, path);
  EXPECT_EQ(wide.parameters()[0].dtype(), DType::f64);
  EXPECT_EQ(values_of(wide), values_of(narrow));
}

TEST_F(Checkpoint, SaysWhatDoesNotFitAndChangesNothing) {
  nn::Sequential model = toy_model();
  const std::vector<double> before = values_of(model);
  const auto error_with = [&](const NamedTensors& tensors) {
    write_safetensors(path, tensors);
    const std::string error = test::file_error(path, [&] { load_weights(model, path); });
    EXPECT_EQ(values_of(model), before);
    return error;
  };
  NamedTensors good;
  for (const auto& [name, parameter] : model.named_parameters()) good.emplace_back(name, ones(parameter.shape()));
  NamedTensors changed = good;
  changed.erase(changed.begin());
  EXPECT_EQ(error_with(changed), ": does not fit the model: it lacks dense.weight");
  changed.emplace_back("dense.w", ones({4, 8}));
  EXPECT_EQ(error_with(changed), ": does not fit the model: it lacks dense.weight; the model has no dense.w");
  changed = good;
  changed[3].second = ones({4});
  EXPECT_EQ(error_with(changed), ": dense_1.bias is f32 [4]; the model expects f32 [3]");
  changed[3].second = ones({3}, DType::i32);
  EXPECT_EQ(error_with(changed), ": dense_1.bias is i32 [3]; the model expects f32 [3]");
}

TEST_F(Checkpoint, RefusesFiniteNumbersThatTheDtypeOfTheModelDoesNotHold) {
  nn::Sequential model{nn::Dense{1, 2}}, wide{nn::Dense{1, 2, nn::linear, {.dtype = DType::f64}}};
  const std::vector<double> before = values_of(model);
  const double inf = std::numeric_limits<double>::infinity();
  write_safetensors(path, {{"dense.weight", Tensor({{inf, 1.5}})}, {"dense.bias", Tensor({0.5, -1e300})}});
  EXPECT_EQ(test::file_error(path, [&] { load_weights(model, path); }),
            ": dense.bias holds -1e+300, which is infinite in f32, the model's dtype");
  EXPECT_EQ(values_of(model), before);
  load_weights(wide, path);
  EXPECT_EQ(values_of(wide), (std::vector<double>{inf, 1.5, 0.5, -1e300}));
}

TEST_F(Checkpoint, LetsATrainingGoOnAsIfItHadNeverStopped) {
  const nn::Loss loss = nn::sparse_categorical_crossentropy;
  const datasets::Dataset data = toy_data(32);
  FitOptions options{.epochs = 2, .batch_size = 8, .progress = Progress::silent};
  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters()};
  fit(model, adam, loss, data, options);
  save_weights(model, path);
  write_safetensors(directory / "state", adam.state());
  options.epochs = 4;
  options.initial_epoch = 2;
  fit(model, adam, loss, data, options);

  nn::Sequential resumed = toy_model();
  load_weights(resumed, path);
  optim::Adam other{resumed.parameters()};
  other.set_state(read_safetensors(directory / "state"));
  fit(resumed, other, loss, data, options);
  EXPECT_EQ(values_of(resumed), values_of(model));
}

}  // namespace
}  // namespace wengert::training
