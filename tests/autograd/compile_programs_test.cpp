#include <array>
#include <cmath>
#include <span>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>

// Programs drawn at random, with their gradients and the gradients of these: compiled they give eager's bits.

namespace wengert {
namespace {

/// What a program keeps between its calls.
struct State {
  explicit State(DType dtype) : weight(random_tensor({6}, 77, dtype), "weight"), calls(scalar(0, dtype)) {}
  Parameter weight;
  Slot calls;
  Generator noise{5};
};

Tensor bounded(const Tensor& x) { return x / (1.0 + abs(x)); }

/// Each step applies an operation to values that are there already. Values are [r, 6], its rows, columns and elements,
/// for whatever r the inputs have, so that there is broadcasting, and reductions between. Numbers stay small: what
/// grows is bounded.
class RandomProgram {
 public:
  explicit RandomProgram(std::uint64_t seed) {
    Generator generator(seed);
    const std::uint64_t steps = 1 + generator.below(60);
    for (std::uint64_t i = 0; i < steps; ++i) {
      steps_.push_back({generator.below(operations), generator.below(i + inputs), generator.below(i + inputs)});
    }
  }

  /// The last value and some of each other, so that every step has a gradient.
  Tensor value(State& state, const Tensor& a, const Tensor& b, const Tensor& c) const {
    std::vector<Tensor> values{a, b, c, state.weight.value()};
    for (const Step& step : steps_) {
      values.push_back(run(step.operation, values[step.left], values[step.right], a.shape(), state));
    }
    Tensor total = sum(values.back());
    for (const Tensor& value : values) total = total + sum(value) * 0.01;
    return total;
  }

 private:
  static constexpr std::uint64_t inputs = 4, operations = 33;
  struct Step {
    std::uint64_t operation, left, right;
  };

  static Tensor run(std::uint64_t operation, const Tensor& x, const Tensor& y, const Shape& shape, State& state) {
    const auto whole = [&](const Tensor& t) { return broadcast_to(t, shape); };
    switch (operation) {
      case 0: return sigmoid(x);
      case 1: return tanh(x) * y;
      case 2: return bounded(x + y);
      case 3: return x - y;
      case 4: return exp(-square(x));
      case 5: return where(x < y, x, y * 0.5);
      case 6: return bounded(sum(x, {-1}, true) * 0.1 + y);
      case 7: return mean(x, {0}, true) + y;
      case 8: return maximum(x, y) / (1.0 + abs(y));
      case 9: return transpose(transpose(x));
      case 10: return gelu(x);
      case 11: return stop_gradient(x) * y;
      case 12: return grad([](const Tensor& t) { return sum(t * sigmoid(t)); })(x);
      case 13: return x.reshape({x.size()}).reshape(Ints(x.shape()));
      case 14: return bounded(mean(matmul(whole(x), whole(y), {.transpose_b = true}), {1}, true));
      case 15: return bounded(matmul(whole(x), matmul(whole(x), whole(y), {.transpose_a = true})));
      case 16: return concat({slice(whole(x), {0, 3}, {shape[0], 6}), slice(whole(y), {0, 0}, {shape[0], 3})}, 1);
      case 17: return take(whole(x), Tensor({5, 0, 0, 3, 1, 2}), 1) * y;
      case 18: return softmax(whole(x)) - y;
      case 19: return logsumexp(x, {-1}, true) * 0.2;
      case 20: return max(x, {-1}, true) - min(y, {-1}, true);
      case 21: return bounded(cumsum(whole(x), 0));
      case 22: return cast(cast(x, x.dtype() == DType::f32 ? DType::f64 : DType::f32), x.dtype()) * 0.75;
      case 23: return cast(x > y, x.dtype()) * x;
      case 24: return log1p(abs(x)) * sqrt(square(y) + 0.1);
      case 25: return atan2(x, y + 3.0);
      // Branches of shape: another program where they go another way.
      case 26: return shape[0] == 1 ? x * 2.0 : x / 3.0;
      case 27: return x.size() > 6 ? mean(x, {0}, true) : bounded(x * y);
      case 28: return x + normal(shape[0] > 4 ? x.shape() : Shape{6}, 0, 0.1, state.noise, x.dtype());
      case 29: return exp(broadcast_to(scalar(0.3, x.dtype()), x.shape())) * y;
      case 30: {  // another shape within the program, and numbers stretched to it
        const Tensor both = concat({whole(x), whole(y)}, 0);
        return mean(exp(broadcast_to(scalar(0.3, x.dtype()), both.shape())) * tanh(both), {0}, true) + y;
      }
      case 31: {
        const std::vector<Tensor> parts = split(whole(x), 3, 1);
        return concat({parts[2], sigmoid(parts[0]) * parts[1], parts[0]}, 1);
      }
      default:
        return grad([](const Tensor& s) { return sum(grad([](const Tensor& t) { return sum(t * tanh(t)); })(s) * s); })(
                   x) *
               0.1;
    }
  }

  std::vector<Step> steps_;
};

/// A step of training of some kind: value, gradients, gradients of these, and updates of what the program keeps.
std::vector<Tensor> step(const RandomProgram& program, State& state, std::span<const Tensor> given) {
  Tape outer;
  std::vector<Tensor> x;
  for (const Tensor& input : given) x.push_back(outer.watch(input));
  std::vector<Tensor> results;
  {
    Tape inner;
    const Tensor a = inner.watch(x[0]), b = inner.watch(x[1]), c = inner.watch(x[2]);
    results.push_back(program.value(state, a, b, c));
    for (Tensor& gradient : inner.gradient(results[0], {a, b, c})) results.push_back(gradient);
  }
  Tensor second = results[0] * 0.1;
  for (std::size_t i = 1; i < 4; ++i) second = second + sum(square(results[i])) * 0.5;
  for (Tensor& gradient : outer.gradient(second, x)) results.push_back(gradient);
  state.weight.assign(state.weight.value() - bounded(outer.gradient(second)[state.weight]) * 0.01);
  state.calls.assign(state.calls.value() + 1.0);
  results.push_back(state.calls.value() * results[0]);
  return results;
}

TEST(Compile, GivesTheBitsOfEagerForRandomProgramsAndGradientsOfTheirGradients) {
  std::vector<CompileOptions> others{{.verify = true}, {.merge_equal = false, .fuse = false}};
  for (const detail::Pass& pass : detail::passes()) {
    if (pass.option != nullptr) others.emplace_back().*pass.option = false;
  }
  for (std::uint64_t seed = 0; seed < 160; ++seed) {
    SCOPED_TRACE(seed);
    const RandomProgram program(seed);
    const DType dtype = seed % 3 == 0 ? DType::f64 : DType::f32;
    State eager(dtype), optimized(dtype), plain(dtype);
    const auto wrapped = [&](State& state, const CompileOptions& options) {
      return compile([&](std::span<const Tensor> given) { return step(program, state, given); }, options);
    };
    const auto compiled = wrapped(optimized, {}), other = wrapped(plain, others[seed % others.size()]);
    for (std::uint64_t call = 0; call < 5; ++call) {
      // Some have so many rows that sums over them are taken in pieces.
      const std::int64_t rows = std::array{4, seed % 8 == 5 ? 300 : 5, 4, 1, 5}[call];
      const std::array given{random_tensor({rows, 6}, 3 * call, dtype) - 0.5,
                             random_tensor({1, 6}, 3 * call + 1, dtype) - 0.5,
                             random_tensor({rows, 1}, 3 * call + 2, dtype) - 0.5};
      const auto expected = step(program, eager, given);
      const auto replayed = compiled(given), replayed_otherwise = other(given);
      ASSERT_EQ(replayed.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_TRUE(same_bits(replayed[i], expected[i])) << "call " << call << ", result " << i;
        ASSERT_TRUE(same_bits(replayed_otherwise[i], expected[i])) << "call " << call << ", result " << i;
      }
      for (const State* state : {&optimized, &plain}) {
        ASSERT_TRUE(same_bits(state->weight.value(), eager.weight.value())) << call;
        ASSERT_EQ(state->noise.position(), eager.noise.position()) << call;
      }
      ASSERT_TRUE(std::isfinite(expected[0].item())) << "numbers that say something";
    }
  }
}

}  // namespace
}  // namespace wengert
