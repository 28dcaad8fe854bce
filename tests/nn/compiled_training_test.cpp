#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

/// A step of gradient descent.
void descend(const Gradients& gradients) {
  for (const Gradients::Entry& entry : gradients) {
    Parameter parameter = entry.parameter;
    parameter.assign(parameter.value() - entry.gradient * 0.1);
  }
}

/// Gradient descent for 100 steps over two shapes of batches, by a function that may be compiled or not; the loss of
/// each step, then the parameters.
template <typename Wrap>
std::vector<Tensor> train(const std::string& name, DType dtype, Wrap wrap) {
  Sequential model{Flatten{}, Dense{12, 8, activation(name)}, Dense{8, 3, softmax}};
  model.to(dtype);
  const auto step = wrap([&](const Tensor& x, const Tensor& y) {
    Tape tape;
    const Tensor loss = sparse_categorical_crossentropy(model(x), y);
    descend(tape.gradient(loss));
    return loss;
  });
  std::vector<Tensor> seen;
  Generator generator(3);
  for (int i = 0; i < 100; ++i) {
    const std::int64_t size = i % 10 == 9 ? 3 : 6;  // the last batch of an epoch is short
    const Tensor images = uniform({size, 3, 4}, -1, 1, generator, dtype);
    seen.push_back(step(images, argmax(uniform({size, 3}, 0, 1, generator))));
  }
  for (const Parameter& parameter : model.parameters()) seen.push_back(parameter.value());
  return seen;
}

TEST(CompiledTraining, GivesTheBitsOfEagerForEveryActivation) {
  for (const std::string& name : activation_names()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const auto eager = train(name, dtype, [](auto step) { return step; });
      const auto compiled = train(name, dtype, [](auto step) { return compile(step); });
      ASSERT_EQ(eager.size(), compiled.size());
      for (std::size_t i = 0; i < eager.size(); ++i) {
        EXPECT_TRUE(same_bits(eager[i], compiled[i])) << name << ", " << i;
      }
    }
  }
}

/// Keeps each element with a probability while training (Srivastava et al., "Dropout", 2014).
class Drop : public Module {
 public:
  Drop(double keep, Generator& generator) : keep_(keep), generator_(&generator) {}
  Tensor forward(const Tensor& x) override {
    if (!is_training()) return x;
    return x * (cast(uniform(x.shape(), 0, 1, *generator_, x.dtype()) < keep_, x.dtype()) / keep_);
  }

 private:
  double keep_;
  Generator* generator_;
};

/// Losses of a training that is evaluated in between, the training step and the evaluation being wrapped.
template <typename Wrap>
std::vector<Tensor> train_with_dropout(Wrap wrap, int& runs) {
  Generator noise(5), data(6);
  Sequential model{Flatten{}, Dense{12, 8, relu}, Drop(0.8, noise), Dense{8, 3, softmax}};
  const auto loss_of = [&](const Tensor& x, const Tensor& y) {
    ++runs;
    return sparse_categorical_crossentropy(model(x), y);
  };
  const auto score = wrap(loss_of);
  const auto step = wrap([&](const Tensor& x, const Tensor& y) {
    Tape tape;
    const Tensor loss = loss_of(x, y);
    descend(tape.gradient(loss));
    return loss;
  });
  std::vector<Tensor> seen;
  for (int i = 0; i < 40; ++i) {
    const Tensor x = uniform({6, 3, 4}, -1, 1, data), y = argmax(uniform({6, 3}, 0, 1, data));
    seen.push_back(step(x, y));
    if (i % 5 != 4) continue;
    seen.push_back(score(x, y));  // in training mode: draws
    model.eval();
    seen.push_back(score(x, y));
    seen.push_back(score(x, y));
    model.train();
  }
  return seen;
}

TEST(CompiledTraining, GivesTheBitsOfEagerWithDropoutInBothModes) {
  int eager_runs = 0, compiled_runs = 0;
  const auto eager = train_with_dropout([](auto f) { return f; }, eager_runs);
  const auto compiled = train_with_dropout([](auto f) { return compile(f); }, compiled_runs);
  ASSERT_EQ(eager.size(), compiled.size());
  for (std::size_t i = 0; i < eager.size(); ++i) EXPECT_TRUE(same_bits(eager[i], compiled[i])) << i;
  EXPECT_EQ(compiled_runs, 3) << "the step, and the score in either mode";
}

/// Losses of a training whose first layers are checkpointed or not, then the parameters.
template <typename Wrap>
std::vector<Tensor> train_in_parts(bool keeps_all, Wrap wrap) {
  Generator noise(5), data(6);
  Sequential body{Flatten{}, Dense{12, 8, relu}, Drop(0.8, noise)}, head{Dense{8, 3, softmax}};
  const auto part = [&](const Tensor& x) { return body(x); };
  const auto step = wrap([&](const Tensor& x, const Tensor& y) {
    Tape tape;
    const Tensor loss = sparse_categorical_crossentropy(head(keeps_all ? part(x) : checkpoint(part)(x)), y);
    descend(tape.gradient(loss));
    return loss;
  });
  std::vector<Tensor> seen;
  for (int i = 0; i < 20; ++i)
    seen.push_back(step(uniform({6, 3, 4}, -1, 1, data), argmax(uniform({6, 3}, 0, 1, data))));
  for (const Parameter& parameter : body.parameters()) seen.push_back(parameter.value());
  return seen;
}

TEST(CompiledTraining, GivesTheSameBitsWithCheckpoints) {
  const auto eager = [](auto f) { return f; };
  const auto compiled = [](auto f) { return compile(f); };
  const auto expected = train_in_parts(true, eager);
  for (const auto& given : {train_in_parts(false, eager), train_in_parts(false, compiled)}) {
    ASSERT_EQ(given.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(given[i], expected[i])) << i;
  }
}

TEST(CompiledTraining, RecordsTheModeOfALayerThatIsMovedIntoPlace) {
  Generator noise(1);
  Sequential model;
  auto apply = compile([&](const Tensor& x) { return model(x); });
  model.add(Drop(0.5, noise));
  const Tensor x = wengert::ones({64});
  EXPECT_FALSE(same_bits(apply(x), x));
  model.eval();
  EXPECT_TRUE(same_bits(apply(x), x));
  Sequential moved = std::move(model);
  moved.train();
  model = std::move(moved);
  EXPECT_FALSE(same_bits(apply(x), x));
}

TEST(CompiledTraining, LeavesFirstValuesToTheFirstCall) {
  Dense layer{3, 2};
  auto apply = compile([&](const Tensor& x) { return layer(x); });  // names and draws the parameters when first called
  const Tensor x = random_tensor({4, 3}, 1, DType::f32);
  const Tensor before = apply(x);
  EXPECT_TRUE(same_bits(apply(x), before));
  for (Parameter& parameter : layer.parameters()) parameter.assign(parameter.value() + 1);
  const Tensor after = apply(x);
  EXPECT_FALSE(same_bits(after, before));
  EXPECT_TRUE(same_bits(apply(x), layer(x)));
  EXPECT_TRUE(same_bits(after, layer(x)));
}

}  // namespace
}  // namespace wengert::nn
