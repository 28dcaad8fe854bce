#include <algorithm>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Parts of a value are left in place by a replay.

namespace wengert {
namespace {

/// A recurrence whose parts are cut along both axes, and its gradients, which join them again.
Tensors recurrence(const Tensor& x, const Tensor& weight) {
  Tape tape;
  const Tensor a = tape.watch(x), w = tape.watch(weight);
  Tensor h = zeros({3, weight.shape()[0]}, x.dtype());
  for (const Tensor& now : split(a, 4)) {
    const Tensors from_x = split(squeeze(now, {0}), 2, 1), from_h = split(matmul(h, w), 2, 1);
    h = sigmoid(from_x[0] + from_h[0]) * h + tanh(from_x[1] + from_h[1]);
  }
  const Tensor y = sum(h * h);
  Tensors results{y};
  for (Tensor& gradient : tape.gradient(y, {a, w})) results.push_back(gradient);
  return results;
}

TEST(CompiledParts, GiveTheBitsOfEagerInPlaceOrCopied) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t width : {5, 16, 128, 400, 512}) {  // rows too short to be left in place, and long ones
      const Tensor x = random_tensor({4, 3, 2 * width}, 1, dtype) - 0.5;
      const Tensor weight = random_tensor({width, 2 * width}, 2, dtype) * 0.1;
      const Tensors expected = recurrence(x * 2.0, weight);
      for (const bool share : {true, false}) {
        const auto compiled =
            compile([](const Tensor& a, const Tensor& b) { return recurrence(a * 2.0, b); }, {.share_parts = share});
        for (int call = 0; call < 2; ++call) {
          const Tensors given = compiled(x, weight);
          for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_TRUE(same_bits(given[i], expected[i])) << width << ", result " << i;
        }
      }
    }
  }
}

/// Some steps at random, each of two values that are there already, [4, width]: cut, joined again otherwise, and
/// computed with.
Tensor random_value(std::uint64_t seed, const Tensor& x, const Tensor& y) {
  Generator generator(seed);
  Tensors values{x, y};
  for (std::uint64_t steps = 3 + generator.below(12); steps > 0; --steps) {
    const Tensor a = values[generator.below(values.size())], b = values[generator.below(values.size())];
    const std::int64_t axis = static_cast<std::int64_t>(generator.below(2));
    const Tensors parts = split(a, generator.below(2) == 0 ? 2 : 4, axis);
    Tensors others = parts;
    switch (generator.below(6)) {
      case 0: std::reverse(others.begin(), others.end()); break;
      case 1: others[0] = sigmoid(parts[1]) * parts[0]; break;
      case 2: others[1] = parts[0]; break;
      case 3:
        for (Tensor& part : others) part = tanh(part) + part * sum(parts[0]);
        break;
      case 4: values.push_back(a * sigmoid(b)); break;
      default: others[0] = softmax(parts[1]) + parts[0]; break;
    }
    const Tensor joined = concat(others, axis);
    values.push_back(generator.below(2) == 0 ? joined : joined * 0.5 + b);
  }
  return sum(values.back() * values[2]) + sum(values[values.size() / 2]);
}

TEST(CompiledParts, GiveTheBitsOfEagerHoweverTheyAreCutAndJoined) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const DType dtype = seed % 2 == 0 ? DType::f32 : DType::f64;
    const std::int64_t width = seed % 3 == 0 ? 12 : 1024;
    const Tensor x = random_tensor({4, width}, 2 * seed, dtype) - 0.5,
                 y = random_tensor({4, width}, 2 * seed + 1, dtype) - 0.5;
    const auto step = [&](const Tensor& a, const Tensor& b) {
      Tape tape;
      const Tensor u = tape.watch(a), v = tape.watch(b);
      const Tensor value = random_value(seed, u, v);
      Tensors results = tape.gradient(value, {u, v});
      results.push_back(value);
      return results;
    };
    const Tensors expected = step(x, y);
    const auto compiled = compile(step);
    for (int call = 0; call < 3; ++call) {
      const Tensors given = compiled(x, y);
      for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_TRUE(same_bits(given[i], expected[i])) << "seed " << seed << ", result " << i;
    }
  }
}

TEST(CompiledParts, AreNotCopiedWhereRowsAreLong) {
  const auto copies = [](std::int64_t width, const std::string& operation) {
    const Tensor x = random_tensor({4, 3, 2 * width}, 1) - 0.5, weight = random_tensor({width, 2 * width}, 2) * 0.1;
    const auto compiled = compile([](const Tensor& a, const Tensor& b) { return recurrence(a * 2.0, b); });
    compiled(x, weight);
    return occurrences(replayed(compiled.explain()), " " + operation + " ");
  };
  EXPECT_EQ(copies(512, "split"), 0U);
  EXPECT_EQ(copies(512, "concat"), 1U);  // the gradient that is given away
  // The formulas may read short rows, but not write them; and parts that begin in the middle of a block are copied.
  EXPECT_EQ(copies(5, "split"), 1U);
  EXPECT_EQ(copies(5, "concat"), 4U + 1U);
}

TEST(CompiledParts, OfASlotAreReadBeforeItIsWrittenOver) {
  for (const std::int64_t axis : {0, 1}) {
    const Shape shape = axis == 0 ? Shape{64, 64} : Shape{64, 2048};
    SCOPED_TRACE("axis " + std::to_string(axis));
    const auto step = [&](Parameter& p) {
      const Tensor value = p.value();
      p.assign(value + split(value, shape[static_cast<std::size_t>(axis)], axis)[0]);
    };
    expect_eager_parameter(step, random_tensor(shape, 1));
  }
}

}  // namespace
}  // namespace wengert
