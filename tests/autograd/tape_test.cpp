#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>

namespace wengert {
namespace {

TEST(Tape, GivesTheGradientOfAScalar) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0, 3.0}));
  const Tensor y = sum(x * x);
  EXPECT_EQ(values(tape.gradient(y, x)), (std::vector{2.0, 4.0, 6.0}));
}

TEST(Tape, GivesAVectorForAListOfVariables) {
  Tape tape;
  const Tensor a = tape.watch(Tensor({1.0, 2.0}));
  const Tensor b = tape.watch(Tensor({3.0, 5.0}));
  const Tensor y = sum(a * b);
  const std::vector<Tensor> both = tape.gradient(y, {a, b});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(values(both[0]), values(b));
  EXPECT_EQ(values(both[1]), values(a));
  const std::vector<Tensor> one = tape.gradient(y, {a});
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(values(one[0]), values(b));
  EXPECT_EQ(values(tape.gradient(y, std::vector<Tensor>{b})[0]), values(a));
}

TEST(Tape, KeepsTheVariablesOfAListThatIsMadeBeforehand) {
  const Parameter p(Tensor({2.0}));
  Tape tape;
  const Tensor a = tape.watch(Tensor({3.0}));
  std::vector<Variable> both;
  both.emplace_back(Parameter(p));
  both.emplace_back(Tensor(a));
  const std::vector<Tensor> gradients = tape.gradient(p * a, both);
  EXPECT_EQ(gradients[0].item(), 3.0);
  EXPECT_EQ(gradients[1].item(), 2.0);
}

TEST(Tape, WeighsTheResultsBySeed) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  const Tensor y = x * x;
  EXPECT_EQ(values(tape.gradient(y, x, Tensor({10.0, 0.5}))), (std::vector{20.0, 2.0}));
}

TEST(Tape, AddsUpWhatReachesAVariableOnSeveralWays) {
  Tape tape;
  const Tensor x = tape.watch(Tensor(3.0));
  const Tensor y = x * x + x * 2 + x;
  EXPECT_EQ(tape.gradient(y, x).item(), 9.0);
}

TEST(Tape, GivesZerosForWhatTookNoPart) {
  Tape tape;
  const Tensor x = tape.watch(ones({2, 3}));
  const Tensor other = tape.watch(Tensor(2.0));
  const Tensor zero = tape.gradient(other * other, x);
  EXPECT_EQ(zero.shape(), (Shape{2, 3}));
  EXPECT_EQ(zero.dtype(), DType::f32);
  for (const float element : zero.data<float>()) EXPECT_EQ(element, 0.0F);
  // A result that depends on nothing watched.
  EXPECT_EQ(tape.gradient(Tensor(5.0), other).item(), 0.0);
}

TEST(Tape, GivesTheGradientByAnIntermediateResult) {
  Tape tape;
  const Tensor x = tape.watch(Tensor(3.0));
  const Tensor middle = x * x;
  const Tensor y = middle * middle;
  EXPECT_EQ(tape.gradient(y, middle).item(), 18.0);
  EXPECT_EQ(tape.gradient(y, {x, middle})[0].item(), 108.0);
}

TEST(Tape, MayBeAskedAgain) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, -2.0}));
  const Tensor y = sum(exp(x) * x);
  const std::vector<double> once = values(tape.gradient(y, x));
  const std::size_t recorded = tape.records().size();
  EXPECT_EQ(values(tape.gradient(y, x)), once);
  EXPECT_EQ(tape.records().size(), recorded) << "a tape does not record its own walk";
  const Tensor later = y * 3;
  EXPECT_NEAR(tape.gradient(later, x).data<double>()[0], 3 * once[0], 1e-15);
}

TEST(Tape, ServesBothFloatingTypes) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0F, 2.0F}));
  const Tensor dx = tape.gradient(sum(x * x), x);
  EXPECT_EQ(dx.dtype(), DType::f32);
  EXPECT_EQ(dx.data<float>()[1], 4.0F);
}

TEST(Tape, RecordsNothingThatNoVariableTakesPartIn) {
  Tape tape;
  const Tensor x = tape.watch(Tensor(1.0));
  const Tensor constant = exp(Tensor(1.0)) * 2;
  EXPECT_TRUE(tape.records().empty());
  static_cast<void>(x * constant);
  EXPECT_EQ(tape.records().size(), 1U);
}

TEST(TapeErrors, TellWhatToDo) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  const Tensor y = sum(x * x);
  const Tensor stranger({1.0, 2.0});
  EXPECT_EQ(message_of<GradientError>([&] { tape.gradient(y, stranger); }),
            "gradient: the tensor is not on this tape; watch it first and compute with the handle that watch returns");
  EXPECT_EQ(message_of<GradientError>([&] {
              tape.watch(Tensor({1, 2}));
            }),
            "watch: the tensor is i32; only f32 and f64 have derivatives; cast it first");
  EXPECT_EQ(message_of<GradientError>([&] {
              tape.gradient(y, Tensor({1, 2}));
            }),
            "gradient: the tensor is i32; only f32 and f64 have derivatives; cast it first");
  EXPECT_EQ(message_of<GradientError>([&] { tape.gradient(Tensor(1), x); }),
            "gradient: the tensor is i32; only f32 and f64 have derivatives; cast it first");
  EXPECT_EQ(message_of<ShapeError>([&] { tape.gradient(x * x, x); }),
            "gradient: y has shape [2]; expected one element, or a seed of y's shape");
  EXPECT_EQ(message_of<ShapeError>([&] {
              tape.gradient(x * x, x, Tensor({1.0, 2.0, 3.0}));
            }),
            "gradient: the seed has shape [3]; expected [2] as y has");
  EXPECT_EQ(message_of<DTypeError>([&] {
              tape.gradient(x * x, x, Tensor({1.0F, 2.0F}));
            }),
            "gradient: the seed is f32; expected f64 as y is");
  EXPECT_EQ(message_of<ValueError>([&] { tape.gradient(Tensor(), x); }),
            "the tensor is undefined (default-constructed); give it a value first");
  EXPECT_EQ(message_of<ValueError>([&] { tape.watch(Tensor()); }),
            "the tensor is undefined (default-constructed); give it a value first");
}

TEST(TapeErrors, NameATapeThatIsClosed) {
  Tensor x;
  Tensor y;
  {
    Tape closed;
    x = closed.watch(Tensor(2.0));
    y = x * x;
  }
  Tape tape;
  const Tensor z = tape.watch(Tensor(1.0));
  EXPECT_EQ(message_of<GradientError>([&] { tape.gradient(y, z); }),
            "gradient: y was computed on a tape that is closed, or on another thread");
  EXPECT_THROW(tape.gradient(z, x), GradientError);
  // Its values are as good as any.
  EXPECT_EQ(tape.gradient(y * z, z).item(), 4.0);
}

TEST(Tape, ForgetsNothingThatItNeedsWhenHandlesGo) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({0.5, -0.25}));
  Tensor y = x;
  for (int i = 0; i < 5; ++i) y = sin(y) * x;
  EXPECT_TRUE(std::isfinite(tape.gradient(sum(y), x).data<double>()[0]));
}

TEST(Tape, IsWalkedAMillionRecordsDeep) {
  Tape tape;
  const Tensor x = tape.watch(Tensor(1.0));
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = y + 1e-6;
  EXPECT_EQ(tape.records().size(), 1'000'000U);
  EXPECT_EQ(tape.gradient(y, x).item(), 1.0);
  EXPECT_NEAR(y.item(), 2.0, 1e-9);  // 10⁶ roundings of at most 2⁻⁵³
}

TEST(Tape, TakesStopGradientForAConstant) {
  Tape tape;
  const Tensor x = tape.watch(Tensor(3.0));
  EXPECT_EQ(tape.gradient(x * stop_gradient(x), x).item(), 3.0);
  EXPECT_EQ(tape.gradient(stop_gradient(x * x), x).item(), 0.0);
}

TEST(Tape, ClosesOutOfOrderAndOpensAgain) {
  auto first = std::make_unique<Tape>();
  const Tensor x = first->watch(Tensor(2.0));
  auto second = std::make_unique<Tape>();
  const Tensor inner = second->watch(x);
  const Tensor y = inner * inner;
  first.reset();
  EXPECT_EQ(second->gradient(y, inner).item(), 4.0);
  Tape third;
  const Tensor z = third.watch(inner);
  EXPECT_EQ(third.gradient(z * z * z, z).item(), 12.0);
  second.reset();
  EXPECT_EQ(third.gradient(z * z * z, z).item(), 12.0);
}

TEST(Tape, NestsUpToSixtyThreeDeep) {
  std::vector<std::unique_ptr<Tape>> tapes;
  for (int i = 0; i < 63; ++i) tapes.push_back(std::make_unique<Tape>());
  EXPECT_EQ(message_of<GradientError>([] { Tape tape; }), "63 tapes are open on this thread; no more can nest");
  const Tensor x = tapes.back()->watch(Tensor(2.0));
  EXPECT_EQ(tapes.back()->gradient(x * x, x).item(), 4.0);
  while (!tapes.empty()) tapes.pop_back();
  Tape tape;
  EXPECT_TRUE(tape.records().empty());
}

TEST(HigherOrder, ThirdDerivativesComeByNesting) {
  const auto f = [](const Tensor& t) { return sum(tanh(t) * t); };
  const auto df = grad(f);
  const auto d2f = grad([&](const Tensor& t) { return sum(df(t)); });
  const auto d3f = grad([&](const Tensor& t) { return sum(d2f(t)); });
  const Tensor x({-1.25, 0.0, 0.5});
  const Tensor first = df(x);
  const Tensor second = d2f(x);
  const Tensor third = d3f(x);
  for (std::size_t i = 0; i < 3; ++i) {
    const double v = x.data<double>()[i];
    const double t = std::tanh(v);
    const double s = 1 - t * t;  // tanh′; then tanh″ = −2ts, tanh‴ = −2s² + 4t²s
    // Terms below 1.5, of up to ten roundings of 1.1e-16 each; in the third derivative there are three.
    EXPECT_NEAR(first.data<double>()[i], t + v * s, 1e-15);
    EXPECT_NEAR(second.data<double>()[i], 2 * s + v * -2 * t * s, 1e-15);
    EXPECT_NEAR(third.data<double>()[i], 3 * -2 * t * s + v * (-2 * s * s + 4 * t * t * s), 4e-15);
  }
}

TEST(HigherOrder, TheOuterTapeSeesTheInnerWalk) {
  Tape outer;
  const Tensor x = outer.watch(Tensor(3.0));
  Tensor dx;
  {
    Tape inner;
    const Tensor z = inner.watch(x);
    dx = inner.gradient(z * z * z, z);
  }
  EXPECT_EQ(dx.item(), 27.0);
  EXPECT_EQ(outer.gradient(dx, x).item(), 18.0);
}

TEST(HigherOrder, AnInnerTapeSeesTheWalkOfAnOuterOne) {
  Tape outer;
  const Tensor x = outer.watch(Tensor(3.0));
  Tape inner;
  const Tensor c = inner.watch(Tensor(2.0));
  const Tensor dx = outer.gradient(c * x * x * x, x);  // 3cx²
  EXPECT_EQ(inner.gradient(dx, c).item(), 27.0);
}

TEST(HigherOrder, MixedDerivativesCome) {
  // ∂²(x²y³)/∂x∂y = 6xy²
  const Tensor x(2.0);
  const auto by_y = grad([&](const Tensor& y) {
    Tape tape;
    const Tensor z = tape.watch(x);
    return tape.gradient(z * z * y * y * y, z);
  });
  EXPECT_EQ(by_y(Tensor(5.0)).item(), 6 * 2.0 * 25.0);
}

TEST(HigherOrder, AGradientOfThisTapesOwnGradientIsAnError) {
  const std::string expected =
      "gradient: y depends on a gradient that this tape gave, and a tape does not record its own walk; for a "
      "derivative of "
      "it open a second tape around the first, or take it as a constant with stop_gradient";
  Tape tape;
  const Tensor x = tape.watch(Tensor(3.0));
  const Tensor dx = tape.gradient(x * x * x, x);
  EXPECT_EQ(message_of<GradientError>([&] { tape.gradient(dx, x); }), expected);
  EXPECT_EQ(message_of<GradientError>([&] { tape.gradient(exp(dx * 2), x); }), expected);
  EXPECT_EQ(message_of<GradientError>([&] { tape.gradient(x + dx * dx, x); }), expected);
  EXPECT_EQ(tape.gradient(x + stop_gradient(dx * dx), x).item(), 1.0);
  EXPECT_EQ(tape.gradient(x * x, x).item(), 6.0) << "what has nothing to do with it is answered";
  Tape other;
  const Tensor z = other.watch(x);
  EXPECT_EQ(other.gradient(z * dx, z).item(), 27.0) << "to another tape it is a number";
}

TEST(HigherOrder, AGradientOfTheInnerTapesOwnGradientIsAnErrorWithinAnOuterOne) {
  Tape outer;
  const Tensor x = outer.watch(Tensor(3.0));
  Tape inner;
  const Tensor z = inner.watch(x);
  const Tensor dz = inner.gradient(z * z * z, z);
  EXPECT_THROW(inner.gradient(dz, z), GradientError);
  EXPECT_THROW(inner.gradient(z * dz, z), GradientError);
  EXPECT_EQ(outer.gradient(z * dz, x).item(), 81.0);  // 3x³
}

TEST(Tape, LosesNothingWhenAnExceptionCrossesIt) {
  struct Interruption {};
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(
        {
          Tape outer;
          const Tensor x = outer.watch(Tensor({1.0, 2.0}));
          Tape inner;
          const Tensor z = inner.watch(x);
          const Tensor y = sum(exp(z));
          static_cast<void>(inner.gradient(y, z));
          throw Interruption{};
        },
        Interruption);
    Tape tape;
    EXPECT_TRUE(tape.records().empty());
    const Tensor x = tape.watch(Tensor(2.0));
    EXPECT_EQ(tape.gradient(x * x, x).item(), 4.0);
  }
}

TEST(Tape, TellsWhichParametersMatter) {
  const Parameter used(Tensor({1.0, 2.0}), "used"), read(Tensor({3.0, 4.0}), "read"), held(Tensor({5.0}), "held");
  Tape tape;
  const Tensor y = sum(used * stop_gradient(held.value()));
  static_cast<void>(read.value() * 2.0);
  const Gradients gradients = tape.gradient(y);
  EXPECT_EQ(gradients.size(), 3U);
  for (const Gradients::Entry& entry : gradients) {
    EXPECT_EQ(gradients.matters(entry.parameter), entry.parameter == used) << entry.parameter.name();
    if (entry.parameter == used) continue;
    EXPECT_TRUE(same_bits(entry.gradient, zeros(entry.parameter.shape(), DType::f64)));
  }
}

}  // namespace
}  // namespace wengert
