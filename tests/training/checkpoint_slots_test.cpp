#include <string>
#include <vector>

#include "datasets/test_files.h"
#include "support/stateful_models.h"
#include "support/tensors.h"
#include "training/toy.h"

#include <wengert/autograd/operations.h>
#include <wengert/optim/optim.h>
#include <wengert/training/checkpoint.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/fit.h>
#include <wengert/training/safetensors.h>

// Files of weights hold what a model keeps besides: running statistics, and where its random numbers stand.

namespace wengert::training {
namespace {

using test::quiet;
using test::toy_data;
using test::values_of;

nn::Sequential stateful_model() {
  return {nn::Dense{4, 8, nn::tanh}, test::Normalize{8}, test::Dropout{}, nn::Dense{8, 3, nn::softmax}};
}

class CheckpointOfSlots : public testing::Test {
 protected:
  const test::TemporaryDirectory directory;
  const std::string path = directory / "weights.safetensors";
};

TEST_F(CheckpointOfSlots, BringsBackWhatAModelKeeps) {
  const nn::Loss loss = nn::sparse_categorical_crossentropy;
  const datasets::Dataset data = toy_data(24);
  nn::Sequential model = stateful_model();
  optim::SGD sgd{model.parameters()};
  fit(model, sgd, loss, data, quiet(2, 8));
  save_weights(model, path);
  EXPECT_EQ(model.named_slots()[1].second.value().item<int>(), 6);

  nn::Sequential other = stateful_model();
  load_weights(other, path);
  EXPECT_TRUE(same_bits(predict(other, data), predict(model, data)));
  EXPECT_EQ(other.named_slots()[1].second.value().item<int>(), 6);
  FitOptions more = quiet(3, 8);
  more.initial_epoch = 2;
  optim::SGD another{other.parameters()};
  fit(model, sgd, loss, data, more);
  fit(other, another, loss, data, more);
  EXPECT_EQ(values_of(other), values_of(model)) << "dropped out otherwise";
}

TEST_F(CheckpointOfSlots, SaysWhatDoesNotFitAndChangesNothing) {
  nn::Sequential model{nn::Dense{4, 3}, test::Normalize{3}, test::Dropout{}};
  NamedTensors good;
  for (const auto& [name, parameter] : model.named_parameters()) good.emplace_back(name, ones(parameter.shape()));
  for (const auto& [name, slot] : model.named_slots()) good.emplace_back(name, slot.value());
  for (const auto& [name, state] : model.named_generators()) good.emplace_back(name, state.value());
  good[3].second = ones({3});
  const std::vector<double> before = values_of(model);
  const auto error_with = [&](const NamedTensors& tensors) {
    write_safetensors(path, tensors);
    const std::string error = test::file_error(path, [&] { load_weights(model, path); });
    EXPECT_EQ(values_of(model), before);
    EXPECT_TRUE(same_bits(model.named_slots()[0].second.value(), zeros({3})));
    return error;
  };
  NamedTensors changed(good.begin(), good.begin() + 3);
  EXPECT_EQ(error_with(changed),
            ": does not fit the model: it lacks normalize.average, normalize.batches, dropout.generator");
  changed = good;
  changed.emplace_back("normalize.variance", ones({3}));
  EXPECT_EQ(error_with(changed), ": does not fit the model: the model has no normalize.variance");
  changed = good;
  changed[3].second = ones({4});
  EXPECT_EQ(error_with(changed), ": normalize.average is f32 [4]; the model expects f32 [3]");
  changed = good;
  changed[4].second = ones({1});
  EXPECT_EQ(error_with(changed), ": normalize.batches is f32 [1]; the model expects i32 [1]");
  write_safetensors(path, good);
  load_weights(model, path);
  EXPECT_TRUE(same_bits(model.named_slots()[0].second.value(), ones({3})));
}

TEST_F(CheckpointOfSlots, SavesSlotsOfEveryDtype) {
  struct Keeper : nn::Module {
    Tensor forward(const Tensor& x) override { return x; }
    void visit(nn::Visitor& v) override { v("slot", slot); }
    explicit Keeper(const Tensor& value) : slot(value) {}
    Slot slot;
  };
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    const Tensor value = cast(Tensor({1, 0, 1}), dtype);
    Keeper model(value), other(zeros({3}, dtype));
    save_weights(model, path);
    load_weights(other, path);
    EXPECT_TRUE(same_bits(other.slot.value(), value));
  }
}

}  // namespace
}  // namespace wengert::training
