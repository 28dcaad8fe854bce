#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

/// The results of an operation and, where it has them, the gradients of each with respect to its floating inputs.
std::vector<Tensor> values_and_gradients(const Operation& operation, const Attributes& attributes,
                                         std::span<const Tensor> inputs) {
  std::vector<Tensor> variables(inputs.begin(), inputs.end()), asked;
  Tape tape;
  for (Tensor& variable : variables) {
    if (!is_floating(variable.dtype())) continue;
    variable = tape.watch(variable);
    asked.push_back(variable);
  }
  std::vector<Tensor> results(operation.results(attributes));
  apply(operation, variables, attributes, results);
  if (!operation.differentiable || asked.empty()) return results;
  for (std::size_t i = 0, count = results.size(); i < count; ++i) {
    if (!is_floating(results[i].dtype())) continue;
    for (Tensor& gradient : tape.gradient(results[i], asked, ones(results[i].shape(), results[i].dtype())))
      results.push_back(gradient);
  }
  return results;
}

TEST(Compile, GivesTheBitsOfEagerForEveryOperationOfTheCatalogue) {
  std::size_t checked = 0;
  for (const Operation* operation : catalogue()) {
    if (!operation->samples) continue;
    for (const Sample& sample : operation->samples()) {
      if (sample.inputs.empty()) continue;
      SCOPED_TRACE(operation->name + " " + to_string(sample.attributes));
      const auto compiled = compile(
          [&](std::span<const Tensor> inputs) { return values_and_gradients(*operation, sample.attributes, inputs); });
      for (int call = 0; call < 3; ++call) {
        // Other values of the same shape at each call: what were frozen would show.
        std::vector<Tensor> inputs = sample.inputs;
        for (Tensor& input : inputs) {
          if (is_floating(input.dtype())) input = input * (1.0 + 0.001 * call);
        }
        const std::vector<Tensor> expected = values_and_gradients(*operation, sample.attributes, inputs);
        const std::vector<Tensor> replayed = compiled(std::span<const Tensor>(inputs));
        ASSERT_EQ(replayed.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i)
          ASSERT_TRUE(same_bits(replayed[i], expected[i])) << "call " << call;
      }
      ++checked;
    }
  }
  EXPECT_GE(checked, 200U);
}

}  // namespace
}  // namespace wengert
