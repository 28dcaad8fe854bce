#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Parts of a value are left in place by a replay.

namespace wengert {
namespace {

using Tensors = std::vector<Tensor>;

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

TEST(CompiledParts, AreNotCopiedWhereRowsAreLong) {
  const auto copies = [](std::int64_t width, const std::string& operation) {
    const Tensor x = random_tensor({4, 3, 2 * width}, 1) - 0.5, weight = random_tensor({width, 2 * width}, 2) * 0.1;
    const auto compiled = compile([](const Tensor& a, const Tensor& b) { return recurrence(a * 2.0, b); });
    compiled(x, weight);
    const std::string text = compiled.explain();
    int count = 0;
    for (auto at = text.find("\nreplayed"); (at = text.find(" " + operation + " ", at + 1)) != std::string::npos;)
      ++count;
    return count;
  };
  EXPECT_EQ(copies(512, "split"), 0);
  EXPECT_EQ(copies(512, "concat"), 1);  // the gradient that is given away
  // The formulas may read short rows, but not write them; and parts that begin in the middle of a block are copied.
  EXPECT_EQ(copies(5, "split"), 1);
  EXPECT_EQ(copies(5, "concat"), 4 + 1);
}

}  // namespace
}  // namespace wengert
