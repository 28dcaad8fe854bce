#include <memory>
#include <typeinfo>
#include <vector>

#include "support/count_allocations.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/optim.h>

namespace wengert::optim {
namespace {

/// How often the system allocator is asked while twenty steps are done, after some for warming up.
template <typename F>
long allocations_of(F step) {
  for (int i = 0; i < 5; ++i) step();
  const long before = test::allocations();
  for (int i = 0; i < 20; ++i) step();
  return test::allocations() - before;
}

TEST(SteadyState, AStepOfEveryOptimizerAsksTheSystemForNothing) {
  nn::Sequential model{nn::Dense{20, 16, nn::relu}, nn::Dense{16, 4}};
  Gradients gradients;
  for (const Parameter& parameter : model.parameters()) gradients.add(parameter, ones(parameter.shape()));
  SGD sgd{model.parameters()};
  SGD nesterov{model.parameters(), {.momentum = 0.9, .nesterov = true}};
  Adam adam{model.parameters()};
  AdamW adamw{model.parameters()};
  AdamW scheduled{model.parameters(), {.learning_rate = cosine_decay({.decay_steps = 10, .warmup_steps = 5})}};
  for (Optimizer* optimizer : std::vector<Optimizer*>{&sgd, &nesterov, &adam, &adamw, &scheduled}) {
    EXPECT_EQ(allocations_of([&] { optimizer->step(gradients); }), 0) << typeid(*optimizer).name();
  }
}

TEST(SteadyState, AStepOfTrainingAsksTheSystemForNothing) {
  for (const nn::Activation& activation : {nn::Activation(nn::relu), nn::Activation(nn::gelu), nn::leaky_relu(0.3)}) {
    nn::Sequential model{nn::Flatten{}, nn::Dense{20, 16, activation}, nn::Dense{16, 4, nn::softmax}};
    Adam adam{model.parameters()};
    const Tensor images = ones({8, 4, 5});
    const Tensor labels = cast(Tensor({0, 1, 2, 3, 0, 1, 2, 3}), DType::u8);  // of equal images: a quarter is right
    double seen = 0;
    const auto step = [&](const Tensor& x, const Tensor& y) {
      Tape tape;
      const Tensor predictions = model(x);
      const Tensor loss = nn::sparse_categorical_crossentropy(predictions, y);
      adam.step(tape.gradient(loss));
      return predictions;
    };
    const auto compiled = compile(step);
    EXPECT_EQ(allocations_of([&] { seen += nn::accuracy.sum(step(images, labels), labels); }), 0) << activation.name();
    EXPECT_EQ(allocations_of([&] { seen += nn::accuracy.sum(compiled(images, labels), labels); }), 0)
        << activation.name();
    EXPECT_EQ(seen, 2 * 25 * 2.0);
  }
}

TEST(SteadyState, AStepThatMovesElementsAsksTheSystemForNothing) {
  const Parameter embedding(ones({50, 6}), "embedding");
  SGD sgd{{embedding}};
  const Tensor words = cast(Tensor({3, 1, 4, 1, 5, 9, 2, 6}), DType::i64);
  const Tensor columns = cast(Tensor({0, 5, 3, 1, 1, 2, 4, 0}), DType::i64);
  const auto step = [&](const Tensor& indices) {
    Tape tape;
    const Tensor rows = take(embedding, indices), turned = transpose(rows + flip(rows));
    const Tensor loss = sum(square(cumsum(pad(turned, {1, 0}, {0, 1})))) + sum(gather(rows, reshape(columns, {8, 1})));
    sgd.step(tape.gradient(loss));
    return loss;
  };
  const auto compiled = compile(step);
  EXPECT_EQ(allocations_of([&] { step(words); }), 0);
  EXPECT_EQ(allocations_of([&] { compiled(words); }), 0);
}

TEST(SteadyState, TheCounterCounts) {
  EXPECT_GT(allocations_of([] { std::vector<int>(100).swap(*std::make_unique<std::vector<int>>(50)); }), 20);
}

}  // namespace
}  // namespace wengert::optim
