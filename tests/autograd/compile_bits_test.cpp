#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>

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
  std::vector<Tensor> results(operation.outputs);
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

/// A program drawn at random: each step applies an operation to values there are already. Shapes are [4, 6], its rows
/// and columns, and scalars, so that there is broadcasting, and reductions between.
class RandomProgram {
 public:
  explicit RandomProgram(std::uint64_t seed) : generator_(seed) {
    const std::uint64_t steps = 1 + generator_.below(60);
    for (std::uint64_t i = 0; i < steps; ++i) {
      steps_.push_back({generator_.below(14), generator_.below(i + 3), generator_.below(i + 3)});
    }
  }

  /// The sum of all values, so that every step has a gradient.
  Tensor value(const Tensor& a, const Tensor& b, const Tensor& c) const {
    std::vector<Tensor> values{a, b, c};
    for (const Step& step : steps_) values.push_back(run(step.operation, values[step.left], values[step.right]));
    Tensor total = sum(values.back());
    for (const Tensor& value : values) total = total + sum(value) * 0.01;
    return total;
  }

 private:
  struct Step {
    std::uint64_t operation, left, right;
  };

  static Tensor run(std::uint64_t operation, const Tensor& x, const Tensor& y) {
    switch (operation) {
      case 0: return sigmoid(x);
      case 1: return tanh(x) * y;
      case 2: return x + y;
      case 3: return x - y;
      case 4: return exp(-square(x));
      case 5: return where(x < y, x, y);
      case 6: return sum(x, {-1}, true) * 0.1 + y;
      case 7: return mean(x, {0}, true) + y;
      case 8: return maximum(x, y) / (1.0 + abs(y));
      case 9: return x.rank() == 2 ? transpose(transpose(x)) : x;
      case 10: return gelu(x);
      case 11: return stop_gradient(x) * y;
      case 12: return grad([](const Tensor& t) { return sum(t * sigmoid(t)); })(x);
      default: return x.reshape({x.size()}).reshape(Ints(x.shape()));
    }
  }

  Generator generator_;
  std::vector<Step> steps_;
};

TEST(Compile, GivesTheBitsOfEagerForRandomProgramsAndTheirGradients) {
  const Shape shapes[] = {{4, 6}, {1, 6}, {4, 1}};
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    const RandomProgram program(seed);
    const DType dtype = seed % 2 == 0 ? DType::f64 : DType::f32;
    const auto with_gradients = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
      Tape tape;
      const Tensor x = tape.watch(a), y = tape.watch(b), z = tape.watch(c);
      const Tensor value = program.value(x, y, z);
      const std::vector<Tensor> gradients = tape.gradient(value, {x, y, z});
      return std::vector<Tensor>{value, gradients[0], gradients[1], gradients[2]};
    };
    auto compiled = compile(with_gradients);
    auto plain = compile(with_gradients, {.merge_equal = false, .fuse = false});
    for (std::uint64_t call = 0; call < 3; ++call) {
      const Tensor a = random_tensor(shapes[0], 3 * call, dtype), b = random_tensor(shapes[1], 3 * call + 1, dtype),
                   c = random_tensor(shapes[2], 3 * call + 2, dtype);
      const auto expected = with_gradients(a, b, c);
      const auto replayed = compiled(a, b, c);
      const auto unfused = plain(a, b, c);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_TRUE(same_bits(replayed[i], expected[i])) << explain(compiled);
        ASSERT_TRUE(same_bits(unfused[i], expected[i])) << explain(plain);
      }
    }
  }
}

}  // namespace
}  // namespace wengert
