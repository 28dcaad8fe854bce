#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

namespace wengert {
namespace {

/// The results of an operation and, where it has them, the gradients with respect to its floating inputs.
std::vector<Tensor> value_and_gradients(const Operation& operation, const Attributes& attributes,
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
  if (!operation.differentiable || asked.empty() || !is_floating(results[0].dtype())) return results;
  for (Tensor& gradient : tape.gradient(results[0], asked, ones(results[0].shape(), results[0].dtype())))
    results.push_back(gradient);
  return results;
}

/// A function of as many tensors as an operation has inputs, compiled.
class CompiledOperation {
 public:
  CompiledOperation(const Operation& operation, const Sample& sample) : operation_(operation), sample_(sample) {}

  std::vector<Tensor> operator()(std::span<const Tensor> inputs) {
    switch (inputs.size()) {
      case 1: return one_(inputs[0]);
      case 2: return two_(inputs[0], inputs[1]);
      default: return three_(inputs[0], inputs[1], inputs[2]);
    }
  }

 private:
  std::vector<Tensor> run(std::initializer_list<Tensor> inputs) {
    return value_and_gradients(operation_, sample_.attributes, std::span(inputs.begin(), inputs.size()));
  }

  const Operation& operation_;
  const Sample& sample_;
  Compiled<std::function<std::vector<Tensor>(const Tensor&)>> one_{[this](const Tensor& a) { return run({a}); }, {}};
  Compiled<std::function<std::vector<Tensor>(const Tensor&, const Tensor&)>> two_{
      [this](const Tensor& a, const Tensor& b) {
        return run({a, b});
      },
      {}};
  Compiled<std::function<std::vector<Tensor>(const Tensor&, const Tensor&, const Tensor&)>> three_{
      [this](const Tensor& a, const Tensor& b, const Tensor& c) {
        return run({a, b, c});
      },
      {}};
};

TEST(Compile, GivesTheBitsOfEagerForEveryOperationOfTheCatalogue) {
  std::size_t checked = 0;
  for (const Operation* operation : catalogue()) {
    if (!operation->samples) continue;
    for (const Sample& sample : operation->samples()) {
      if (sample.inputs.empty() || sample.inputs.size() > 3) continue;
      SCOPED_TRACE(operation->name + " " + to_string(sample.attributes));
      CompiledOperation compiled(*operation, sample);
      for (int call = 0; call < 3; ++call) {
        // Other values of the same shape at each call: what were frozen would show.
        std::vector<Tensor> inputs = sample.inputs;
        for (Tensor& input : inputs) {
          if (is_floating(input.dtype())) input = input * (1.0 + 0.001 * call);
        }
        const std::vector<Tensor> expected = value_and_gradients(*operation, sample.attributes, inputs);
        const std::vector<Tensor> replayed = compiled(inputs);
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
