#include <string>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/transforms.h>

namespace wengert {
namespace {

// A gradient passes through the rounding as if it were none (Bengio et al., "Estimating or Propagating Gradients
// Through Stochastic Neurons", 2013).
Tensor straight_through(const Tensor&, const Tensor&, const Tensor& dy) { return dy; }

TEST(CustomVjp, GivesTheFunctionARule) {
  const auto rounded = custom_vjp([](const Tensor& x) { return round(x * 4) / 4; }, straight_through);
  const Tensor x({0.1, 0.4, -2.3});
  EXPECT_TRUE(same_bits(rounded(x), Tensor({0.0, 0.5, -2.25})));
  const auto f = [&](const Tensor& t) { return sum(square(rounded(t))); };
  EXPECT_TRUE(same_bits(grad(f)(x), Tensor({0.0, 1.0, -4.5})));
  EXPECT_TRUE(same_bits(compile(grad(f))(x), Tensor({0.0, 1.0, -4.5})));
  Tape tape;
  const Tensor variable = tape.watch(x);
  static_cast<void>(rounded(variable));
  ASSERT_EQ(tape.records().size(), 1);
  EXPECT_EQ(tape.records()[0].operation->name, "custom_vjp");
}

TEST(CustomVjp, HasTheDerivativesOfItsRule) {
  // log(1 + eˣ), whose derivative is written in a form that does not overflow.
  const auto f = custom_vjp([](const Tensor& x) { return log(1 + exp(x)); },
                            [](const Tensor& x, const Tensor&, const Tensor& dy) { return dy * sigmoid(x); });
  EXPECT_TRUE(gradcheck(f, Tensor({-1.5, 0.2, 3.0}), {.order = 2}).passed);
  EXPECT_EQ(grad([&](const Tensor& x) { return sum(f(x)); })(Tensor({1000.0})).item(), 1);
  const auto by_result = custom_vjp([](const Tensor& x) { return exp(x); },
                                    [](const Tensor&, const Tensor& y, const Tensor& dy) { return dy * y; });
  EXPECT_TRUE(gradcheck(by_result, Tensor({-1.5, 0.2, 3.0}), {.order = 2}).passed);
  EXPECT_TRUE(gradcheck(checkpoint([&](const Tensor& x) { return f(x) * by_result(x); }), Tensor({-1.5, 0.2})).passed);
}

TEST(CustomVjp, IsGivenItsArgumentForWhatItIs) {
  const auto f = custom_vjp([](const Tensor& p) { return sum(p * p); },
                            [](const Tensor& p, const Tensor&, const Tensor& dy) {
                              EXPECT_FALSE(traced_logits(p).defined());
                              return dy * p * 2;
                            });
  Tape tape;
  const Tensor z = tape.watch(Tensor({{1.0, 2.0}})), p = softmax(z), y = f(p);
  const Tensor first = tape.gradient(y, p);
  EXPECT_TRUE(same_bits(tape.gradient(y, p), first));
}

TEST(CustomVjp, MayReadParametersInItsRule) {
  const Parameter p(Tensor({3.0, 5.0}), "p");
  const auto f = custom_vjp([](const Tensor& x) { return round(x); },
                            [&](const Tensor&, const Tensor&, const Tensor& dy) { return dy * p; });
  Tape outer;
  const Tensor q = sum(p.value() * 2);
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  EXPECT_TRUE(same_bits(tape.gradient(sum(f(x)), x), Tensor({3.0, 5.0})));
  EXPECT_TRUE(same_bits(tape.gradient(sum(x * p), x), Tensor({3.0, 5.0})));
}

TEST(CustomVjp, TellsWhatItsRuleCannotKnow) {
  const Parameter weight(Tensor({2.0, 5.0}), "scale");
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), w = tape.watch(Tensor({3.0, 4.0}));
  const auto with = [&](const Tensor& other) {
    return custom_vjp([=](const Tensor& t) { return t * other; }, straight_through);
  };
  EXPECT_THROW(static_cast<void>(with(w)(x)), GradientError);
  EXPECT_NO_THROW(static_cast<void>(with(stop_gradient(w))(x)));
  const auto reads = custom_vjp([&](const Tensor& t) { return t * weight; }, straight_through);
  try {
    static_cast<void>(reads(x));
    ADD_FAILURE() << "no error";
  } catch (const GradientError& error) {
    EXPECT_EQ(std::string(error.what()),
              "custom_vjp: the function reads parameter 'scale', of which its rule gives no derivative; read it "
              "outside, with stop_gradient, or make it the argument");
  }
  const auto wrong = custom_vjp([](const Tensor& t) { return sum(t); }, straight_through);
  EXPECT_THROW(static_cast<void>(tape.gradient(wrong(x), x)), GradientError);
  const auto nothing = custom_vjp([](const Tensor& t) { return sum(t); },
                                  [](const Tensor&, const Tensor&, const Tensor&) { return Tensor(); });
  EXPECT_THROW(static_cast<void>(tape.gradient(nothing(x), x)), GradientError);
}

}  // namespace
}  // namespace wengert
