#include <string>
#include <utility>

#include "support/message_of.h"
#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/autograd.h>

namespace wengert {
namespace {

TEST(Parameter, IsASharedHandle) {
  Parameter a(Tensor({1.0, 2.0}), "weight");
  const Parameter copy = a;
  EXPECT_EQ(a, copy);
  a.assign(Tensor({3.0, 4.0}));
  EXPECT_EQ(copy.value().data<double>()[0], 3.0);
  a.set_name("hidden.weight");
  EXPECT_EQ(copy.name(), "hidden.weight");
  Parameter apart = a.clone();
  EXPECT_FALSE(apart == a);
  apart.assign(Tensor({5.0, 6.0}));
  EXPECT_EQ(a.value().data<double>()[0], 3.0);
  EXPECT_EQ(apart.name(), "hidden.weight");
}

TEST(Parameter, IsUsedAsItsValue) {
  const Parameter p(Tensor({1.0, 2.0}));
  EXPECT_EQ((p * 2).data<double>()[1], 4.0);
  EXPECT_EQ((2 - p).data<double>()[1], 0.0);
  EXPECT_EQ((p + p).data<double>()[0], 2.0);
  EXPECT_EQ(exp(p).shape(), Shape{2});
  const Tensor value = p;
  EXPECT_EQ(value.dtype(), p.dtype());
}

TEST(Parameter, KeepsItsShapeAndDType) {
  Parameter p(Tensor({1.0, 2.0}), "bias");
  EXPECT_THROW(p.assign(Tensor({1.0, 2.0, 3.0})), ShapeError);
  EXPECT_THROW(p.assign(Tensor({1.0F, 2.0F})), DTypeError);
  EXPECT_THROW(p.assign(Tensor()), ValueError);
  EXPECT_THROW(Parameter(Tensor{}), ValueError);
  EXPECT_EQ(p.value().data<double>()[0], 1.0);
}

TEST(Parameter, IsWatchedByReadingIt) {
  const Parameter w(Tensor({1.0, 2.0}), "w");
  const Parameter b(Tensor({0.5, 0.5}), "b");
  const Parameter unused(Tensor(1.0), "unused");
  Tape tape;
  const Tensor product = w * w * 3;
  const Tensor loss = sum(product + b);
  const Gradients gradients = tape.gradient(loss);
  ASSERT_EQ(gradients.size(), 2U);
  EXPECT_EQ(gradients.begin()->parameter, w) << "in the order in which they were first read";
  EXPECT_EQ(gradients[w].data<double>()[1], 12.0);
  EXPECT_EQ(gradients[b].data<double>()[1], 1.0);
  EXPECT_TRUE(gradients.contains(b));
  EXPECT_FALSE(gradients.contains(unused));
  EXPECT_THROW(static_cast<void>(gradients[unused]), GradientError);
  EXPECT_EQ(tape.gradient(loss, w).data<double>()[0], 6.0);
  EXPECT_EQ(tape.gradient(loss, {w, b})[1].data<double>()[0], 1.0);
  EXPECT_THROW(tape.gradient(loss, unused), GradientError);
}

TEST(Parameter, IsListedByEveryTapeThatItWasReadOn) {
  const Parameter before(Tensor(1.0)), integer(Tensor(1)), b(Tensor(2.0));
  Parameter a(Tensor(3.0));
  const Tensor early = before.value();
  const auto listed = [](const Tape& tape) {
    const auto all = tape.parameters();
    return std::vector<Parameter>(all.begin(), all.end());
  };
  Tape outer;
  EXPECT_TRUE(listed(outer).empty());
  const Tensor first = b * 2.0;
  a.assign(first * a * early);
  {
    Tape inner;
    EXPECT_TRUE(listed(inner).empty());
    static_cast<void>(a + a + cast(integer, DType::f64));
    EXPECT_EQ(listed(inner), std::vector<Parameter>{a});
  }
  a.assign(Tensor(4.0));
  static_cast<void>(stop_gradient(a * b));
  EXPECT_EQ(listed(outer), (std::vector<Parameter>{b, a}));
}

TEST(Parameter, HasItsGradientAmongThoseOfAList) {
  const Parameter a(Tensor({1.0, 2.0})), b(Tensor(3.0));
  const std::vector<Parameter> both{a, b};
  Tape tape;
  const Tensor y = sum(a * a) * b;
  const std::vector<Tensor> gradients = tape.gradient(y, both);
  ASSERT_EQ(gradients.size(), 2U);
  EXPECT_TRUE(same_bits(gradients[0], Tensor({6.0, 12.0})));
  EXPECT_TRUE(same_bits(gradients[1], Tensor(5.0)));
  EXPECT_TRUE(same_bits(tape.gradient(y, {a, b})[0], gradients[0])) << "as in braces";
}

TEST(Parameter, TakesPartOnceHoweverOftenItIsRead) {
  const Parameter w(Tensor(3.0));
  Tape tape;
  const Tensor loss = w * w;  // read twice
  EXPECT_EQ(tape.gradient(loss).size(), 1U);
  EXPECT_EQ(tape.gradient(loss)[w].item(), 6.0);
}

TEST(Parameter, GivesZerosWhereItWasReadInVain) {
  const Parameter w(Tensor({1.0, 2.0}));
  Tape tape;
  static_cast<void>(w.value());
  const Tensor x = tape.watch(Tensor(2.0));
  EXPECT_EQ(tape.gradient(x * x)[w].data<double>()[1], 0.0);
}

TEST(Parameter, OfIntegersIsNoVariable) {
  const Parameter steps(Tensor(7), "steps");
  Tape tape;
  const Tensor x = tape.watch(Tensor(2.0));
  const Tensor y = x * cast(steps.value(), DType::f64);
  EXPECT_EQ(tape.gradient(y).size(), 0U);
  EXPECT_EQ(tape.gradient(y, x).item(), 7.0);
  EXPECT_EQ(message_of<GradientError>([&] { static_cast<void>(tape.gradient(y, steps)); }),
            "gradient: the tensor is i32; only f32 and f64 have derivatives; cast it first");
}

TEST(Parameter, AssignedDuringATapeGivesTheGradientByEveryValueItHad) {
  Parameter w(Tensor(3.0));
  Tape tape;
  const Tensor first = w.value() * w.value();
  w.assign(Tensor(5.0));
  const Tensor second = w.value() * w.value();
  EXPECT_EQ(tape.gradient(first)[w].item(), 6.0);
  EXPECT_EQ(tape.gradient(second)[w].item(), 10.0);
  EXPECT_EQ(tape.gradient(second, w).item(), 10.0);
  EXPECT_EQ(tape.gradient(first + second)[w].item(), 16.0);
  EXPECT_EQ(tape.gradient(first + second).size(), 1U);
}

TEST(Parameter, AssignedAComputedValueLeadsBackToTheFirst) {
  Parameter w(Tensor(3.0));
  Tape tape;
  w.assign(w.value() * 2);
  EXPECT_EQ(tape.gradient(w.value() * w.value())[w].item(), 24.0);  // (2w)² has the derivative 8w
}

TEST(Parameter, ReadOnNestedTapesIsCountedOnce) {
  const Parameter w(Tensor(3.0));
  Tape outer;
  const Tensor before = w * 1;
  Tensor dw;
  {
    Tape inner;
    const Tensor loss = w.value() * w.value() * w.value();
    dw = inner.gradient(loss)[w];
    EXPECT_EQ(dw.item(), 27.0);
  }
  {
    Tape inner;
    EXPECT_EQ(inner.gradient(w.value() * w.value())[w].item(), 6.0);
  }
  EXPECT_EQ(outer.gradient(dw)[w].item(), 18.0);
  EXPECT_EQ(outer.gradient(dw + before + w).size(), 1U);
  EXPECT_EQ(outer.gradient(dw + before + w)[w].item(), 20.0);
}

TEST(Parameter, MayBeTrainedByInnerTapesWhileAnOuterOneRecordsItAll) {
  // Gradient descent on w²/2 with the rate a: w₂ = w₀ (1 − a)², and ∂w₂/∂a = −2 w₀ (1 − a).
  Parameter w(Tensor(4.0));
  Tape outer;
  const Tensor rate = outer.watch(Tensor(0.25));
  for (int step = 0; step < 2; ++step) {
    Tape inner;
    const Tensor value = w.value();
    const Tensor dw = inner.gradient(value * value * 0.5)[w];
    w.assign(value - rate * dw);
  }
  EXPECT_EQ(w.value().item(), 4 * 0.75 * 0.75);
  EXPECT_EQ(outer.gradient(w.value(), rate).item(), -2 * 4 * 0.75);
  EXPECT_EQ(outer.gradient(w.value())[w].item(), 0.75 * 0.75) << "by the value it began with";
}

TEST(Parameter, HoldsAPlainValueAgainWhenTheTapeIsClosed) {
  Parameter w(Tensor(3.0));
  {
    Tape tape;
    w.assign(w.value() * 2);
  }
  Tape tape;
  EXPECT_EQ(tape.gradient(w.value() * w.value())[w].item(), 12.0);
}

TEST(SoftmaxLogits, AreCarriedUntilAnotherOperationIsApplied) {
  const Tensor logits({{1.0, -2.0}, {0.5, 0.25}});
  EXPECT_EQ(traced_logits(softmax(logits)).data<double>().data(), logits.data<double>().data());
  EXPECT_FALSE(traced_logits(softmax(logits) * 1).defined());
  EXPECT_FALSE(traced_logits(logits).defined());
  Tape tape;
  const Tensor x = tape.watch(logits);
  EXPECT_EQ(tape.number_of(traced_logits(softmax(x))), tape.number_of(x));
}

TEST(SoftmaxLogits, MakeAGradientByTheProbabilitiesAnError) {
  Tape tape;
  const Tensor logits = tape.watch(Tensor({{1.0, -2.0}, {0.5, 0.25}}));
  const Tensor probabilities = softmax(logits);
  const Tensor others = softmax(logits * 2);
  const Tensor loss = sum(softmax_cross_entropy(traced_logits(probabilities), Tensor({0, 1})));
  try {
    tape.gradient(loss, probabilities);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const GradientError& error) {
    EXPECT_EQ(std::string(error.what()),
              "gradient: the loss was computed from the logits of these probabilities, not through them; ask for the "
              "gradient with respect to the logits");
  }
  EXPECT_NO_THROW(tape.gradient(loss, logits));
  EXPECT_NO_THROW(tape.gradient(sum(others * others), others)) << "these were not traced";
}

TEST(Handles, AreUsableWhenTheyWereMovedFrom) {
  Parameter parameter(Tensor(2.0));
  const Parameter moved = std::move(parameter);
  EXPECT_TRUE(parameter == moved);  // NOLINT(bugprone-use-after-move): that is the point
  Slot slot(Tensor(3.0));
  const Slot taken = std::move(slot);
  EXPECT_EQ(slot.value().item(), 3.0);  // NOLINT(bugprone-use-after-move)
  auto doubled = compile([](const Tensor& x) { return x + x; });
  const auto other = std::move(doubled);
  EXPECT_EQ(doubled(Tensor(1.0)).item(), other(Tensor(1.0)).item());  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace wengert
