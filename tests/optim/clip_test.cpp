#include <limits>
#include <vector>

#include "support/message_of.h"
#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/autograd.h>
#include <wengert/optim/optim.h>

namespace wengert::optim {
namespace {

Gradients some_gradients(const Parameter& a, const Parameter& b) {
  Gradients gradients;
  gradients.add(a, Tensor({3.0F, 0.0F}));
  gradients.add(b, Tensor({{-4.0}}));
  return gradients;
}

TEST(ClipByGlobalNorm, ShortensAllGradientsAlike) {
  const Parameter a(zeros({2})), b(zeros({1, 1}, DType::f64));
  const Gradients clipped = clip_by_global_norm(some_gradients(a, b), 2.5);  // of 5
  EXPECT_TRUE(same_bits(clipped[a], Tensor({1.5F, 0.0F})));
  EXPECT_TRUE(same_bits(clipped[b], Tensor({{-2.0}})));
}

TEST(ClipByGlobalNorm, LeavesShortOnesAsTheyAre) {
  const Parameter a(zeros({2})), b(zeros({1, 1}, DType::f64)), unread(zeros({2}));
  Gradients gradients = some_gradients(a, b);
  gradients.add(unread, zeros({2}), false);
  const Gradients clipped = clip_by_global_norm(gradients, 5.0);
  for (const auto& [parameter, gradient] : gradients) {
    EXPECT_TRUE(same_bits(clipped[parameter], gradient));
    EXPECT_EQ(clipped.matters(parameter), gradients.matters(parameter));
  }
  EXPECT_TRUE(clip_by_global_norm({}, 1.0).empty());
}

TEST(ClipByGlobalNorm, MakesNoZerosOfWhatOverflows) {
  const Parameter a(zeros({2}));
  for (const float large : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Gradients gradients;
    gradients.add(a, Tensor({large, 1.0F}));
    EXPECT_TRUE(isnan(clip_by_global_norm(gradients, 1.0)[a]).data<bool>()[1]) << large;
  }
  Gradients large;
  large.add(a, Tensor({1e30F, 0.0F}));
  EXPECT_TRUE(same_bits(clip_by_global_norm(large, 1.0)[a], Tensor({1.0F, 0.0F}))) << "its square is no f32";
}

TEST(ClipByGlobalNorm, RefusesNormsThatAreNone) {
  EXPECT_EQ(message_of<ValueError>([] { clip_by_global_norm({}, 0); }),
            "clip_by_global_norm: norm is 0; expected a finite number above 0");
  EXPECT_THROW(clip_by_global_norm({}, std::numeric_limits<double>::quiet_NaN()), ValueError);
  EXPECT_THROW(clip_by_global_norm({}, std::numeric_limits<double>::infinity()), ValueError);
}

TEST(ClipByGlobalNorm, StandsInACompiledStep) {
  const auto losses = [](bool compiled) {
    Parameter w(random_tensor({8, 3}, 1, DType::f32));
    Adam adam({w});
    const auto step = [&](const Tensor& x) {
      Tape tape;
      const Tensor loss = sum(square(matmul(x, w)));
      adam.step(clip_by_global_norm(tape.gradient(loss), 0.5));
      return loss;
    };
    const auto replayed = compile(step);
    std::vector<Tensor> found;
    for (std::uint64_t i = 0; i < 5; ++i) {
      const Tensor x = random_tensor({4, 8}, i, DType::f32);
      found.push_back(compiled ? replayed(x) : step(x));
    }
    return stack(found);
  };
  EXPECT_TRUE(same_bits(losses(true), losses(false)));
}

}  // namespace
}  // namespace wengert::optim
