#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

/// Gradient descent for 100 steps over two shapes of batches, by a function that may be compiled or not; the loss of
/// each step, then the parameters.
template <typename Wrap>
std::vector<Tensor> train(const std::string& name, DType dtype, Wrap wrap) {
  Sequential model{Flatten{}, Dense{12, 8, activation(name)}, Dense{8, 3, softmax}};
  model.to(dtype);
  const auto step = wrap([&](const Tensor& x, const Tensor& y) {
    Tape tape;
    const Tensor loss = sparse_categorical_crossentropy(model(x), y);
    for (const Gradients::Entry& entry : tape.gradient(loss)) {
      Parameter parameter = entry.parameter;
      parameter.assign(parameter.value() - entry.gradient * 0.1);
    }
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

}  // namespace
}  // namespace wengert::nn
