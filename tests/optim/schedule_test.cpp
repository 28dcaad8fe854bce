#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/optim.h>

namespace wengert::optim {
namespace {

double rate_of(const Schedule& schedule, double step) { return schedule(Tensor(step)).item<double>(); }

struct Case {
  std::string name;
  Schedule schedule;
  /// Rates of Keras's schedule of the same name and settings, at `steps`.
  std::vector<double> expected;
};

const std::vector<double> steps{0, 1, 99, 100, 101, 250, 999, 1000, 1001, 5000};

std::vector<Case> cases() {
  return {
      {"exponential",
       exponential_decay({.initial_learning_rate = 0.02, .decay_steps = 100, .decay_rate = 0.9}),
       {0.0199999996, 0.0199789386, 0.018018974, 0.0179999992, 0.0179810431, 0.0153686674, 0.00698091835, 0.00697356695,
        0.00696622301, 0.000103075363}},
      {"exponential, staircase",
       exponential_decay({.initial_learning_rate = 0.02, .decay_steps = 100, .decay_rate = 0.9, .staircase = true}),
       {0.0199999996, 0.0199999996, 0.0199999996, 0.0179999992, 0.0179999992, 0.0161999986, 0.00774840778,
        0.00697356695, 0.00697356695, 0.000103075363}},
      {"inverse time",
       inverse_time_decay({.initial_learning_rate = 0.02, .decay_steps = 100, .decay_rate = 0.5}),
       {0.0199999996, 0.019900497, 0.0133779263, 0.0133333327, 0.0132890362, 0.0088888891, 0.00333611341, 0.00333333318,
        0.00333055784, 0.00076923077}},
      {"inverse time, staircase",
       inverse_time_decay({.initial_learning_rate = 0.02, .decay_steps = 100, .decay_rate = 0.5, .staircase = true}),
       {0.0199999996, 0.0199999996, 0.0199999996, 0.0133333327, 0.0133333327, 0.00999999978, 0.00363636366,
        0.00333333318, 0.00333333318, 0.00076923077}},
      {"linear",
       polynomial_decay({.initial_learning_rate = 0.02, .decay_steps = 1000, .end_learning_rate = 0.001}),
       {0.0199999996, 0.0199810006, 0.0181189999, 0.0180999991, 0.0180810001, 0.0152499992, 0.00101899984,
        0.00100000005, 0.00100000005, 0.00100000005}},
      {"square root",
       polynomial_decay({.initial_learning_rate = 0.02, .decay_steps = 1000, .end_learning_rate = 0, .power = 0.5}),
       {0.0199999996, 0.0199899971, 0.0189842042, 0.0189736653, 0.0189631227, 0.0173205081, 0.00063245144, 0, 0, 0}},
      {"cosine",
       cosine_decay({.initial_learning_rate = 0.02, .decay_steps = 1000}),
       {0.0199999996, 0.0199999493, 0.019520225, 0.0195105635, 0.0195008088, 0.0170710683, 4.94718542e-08, 0, 0, 0}},
      {"cosine, alpha",
       cosine_decay({.initial_learning_rate = 0.02, .decay_steps = 1000, .alpha = 0.1}),
       {0.0199999996, 0.0199999548, 0.0195682012, 0.0195595082, 0.0195507277, 0.0173639618, 0.00200004457,
        0.00200000009, 0.00200000009, 0.00200000009}},
      {"cosine, warm-up",
       cosine_decay({.initial_learning_rate = 0.02, .decay_steps = 900, .warmup_steps = 100}),
       {0, 0.000199999995, 0.0197999999, 0.0199999996, 0.0199999381, 0.0186602548, 6.07967365e-08, 0, 0, 0}},
      {"piecewise constant",
       piecewise_constant_decay({.boundaries = {100, 1000}, .values = {0.02, 0.01, 0.001}}),
       {0.0199999996, 0.0199999996, 0.0199999996, 0.0199999996, 0.00999999978, 0.00999999978, 0.00999999978,
        0.00999999978, 0.00100000005, 0.00100000005}},
  };
}

TEST(Schedule, GivesTheRatesOfKeras) {
  for (const auto& [name, schedule, expected] : cases()) {
    ASSERT_EQ(expected.size(), steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      // Keras computes in f32. Where 1 − s is 0.001 it is off by 3e-5, and its square root by half of that; a cosine
      // that is nearly 1 is off by 3e-8, of 0.01.
      EXPECT_NEAR(rate_of(schedule, steps[i]), expected[i], 2e-5 * expected[i] + 3e-10)
          << name << ", step " << steps[i];
    }
  }
}

TEST(Schedule, SettingsOutOfRangeAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {nan, std::numeric_limits<double>::infinity(), -1e-3}) {
    EXPECT_THROW(exponential_decay({.initial_learning_rate = bad, .decay_steps = 1}), ValueError) << bad;
    EXPECT_THROW(exponential_decay({.decay_steps = 1, .decay_rate = bad}), ValueError) << bad;
    EXPECT_THROW(inverse_time_decay({.initial_learning_rate = bad, .decay_steps = 1}), ValueError) << bad;
    EXPECT_THROW(inverse_time_decay({.decay_steps = 1, .decay_rate = bad}), ValueError) << bad;
    EXPECT_THROW(polynomial_decay({.initial_learning_rate = bad, .decay_steps = 1}), ValueError) << bad;
    EXPECT_THROW(polynomial_decay({.decay_steps = 1, .end_learning_rate = bad}), ValueError) << bad;
    EXPECT_THROW(polynomial_decay({.decay_steps = 1, .power = bad}), ValueError) << bad;
    EXPECT_THROW(cosine_decay({.initial_learning_rate = bad, .decay_steps = 1}), ValueError) << bad;
    EXPECT_THROW(cosine_decay({.decay_steps = 1, .alpha = bad}), ValueError) << bad;
    EXPECT_THROW(piecewise_constant_decay({.values = {bad}}), ValueError) << bad;
  }
  EXPECT_EQ(message_of<ValueError>([] { exponential_decay({}); }),
            "exponential_decay: decay_steps is 0; expected 1 or above");
  EXPECT_THROW(inverse_time_decay({.decay_steps = -1}), ValueError);
  EXPECT_THROW(polynomial_decay({}), ValueError);
  EXPECT_THROW(polynomial_decay({.decay_steps = 1, .power = 0}), ValueError);
  EXPECT_THROW(cosine_decay({}), ValueError);
  EXPECT_THROW(cosine_decay({.decay_steps = 1, .warmup_steps = -1}), ValueError);
  EXPECT_THROW(cosine_decay({.decay_steps = 1, .alpha = 1.5}), ValueError);
  EXPECT_THROW(piecewise_constant_decay({.boundaries = {10, 10}, .values = {1, 2, 3}}), ValueError);
  EXPECT_EQ(message_of<ValueError>([] { piecewise_constant_decay({.boundaries = {10}, .values = {1}}); }),
            "piecewise_constant_decay: 1 values for 1 boundaries; expected one value more than boundaries");
}

Parameter at_zero() { return Parameter(Tensor({0.0}), "p"); }

Gradients minus_one(const Parameter& p) {
  Gradients gradients;
  gradients.add(p, Tensor({-1.0}));
  return gradients;
}

TEST(Schedule, TheFirstStepHasTheRateOfStepZero) {
  const Parameter p = at_zero();
  SGD sgd{{p}, {.learning_rate = [](const Tensor& step) { return 1.0 / (1.0 + step); }}};
  EXPECT_EQ(sgd.learning_rate(), 1);
  sgd.step(minus_one(p));
  EXPECT_EQ(p.value().item(), 1);
  EXPECT_EQ(sgd.learning_rate(), 0.5);
  sgd.step(minus_one(p));
  EXPECT_EQ(p.value().item(), 1.5);
}

TEST(Schedule, ACompiledStepGoesOnWithItAndHasTheBitsOfEager) {
  for (const auto& [name, schedule, expected] : cases()) {
    const auto train = [&, &schedule = schedule](bool compiled) {
      nn::Sequential model{nn::Dense{4, 3, nn::tanh}, nn::Dense{3, 1}};
      AdamW adamw{model.parameters(), {.learning_rate = schedule}};
      const auto step = [&](const Tensor& x) {
        Tape tape;
        const Tensor loss = mean(square(model(x)));
        adamw.step(tape.gradient(loss));
        return loss;
      };
      const auto replayed = compile(step);
      std::vector<float> losses;
      for (int i = 0; i < 130; ++i) {
        const Tensor x = random_tensor({8, 4}, static_cast<std::uint64_t>(i), DType::f32);
        losses.push_back((compiled ? replayed(x) : step(x)).item<float>());
      }
      return losses;
    };
    EXPECT_EQ(train(true), train(false)) << name;
  }
}

TEST(Schedule, IsTakenOverWithTheOptimizer) {
  const Parameter p = at_zero();
  SGD sgd{{p}, {.learning_rate = 0.25}};
  sgd = SGD({p}, {.learning_rate = piecewise_constant_decay({.boundaries = {0}, .values = {4, 2}})});
  EXPECT_EQ(sgd.learning_rate(), 4);
  sgd.step(minus_one(p));
  EXPECT_EQ(sgd.learning_rate(), 2);
  const SGD number{{p}, {.learning_rate = 0.5}};
  sgd = number;
  EXPECT_EQ(sgd.learning_rate(), 0.5);
}

TEST(Schedule, IsNoPartOfTheStateAndGoesOnFromTheStep) {
  const Schedule schedule = exponential_decay({.initial_learning_rate = 0.5, .decay_steps = 2});
  const Parameter p = at_zero(), resumed = at_zero();
  SGD sgd{{p}, {.learning_rate = schedule}};
  for (int i = 0; i < 5; ++i) sgd.step(minus_one(p));
  const NamedTensors state = sgd.state();
  ASSERT_EQ(state.size(), 1);
  EXPECT_EQ(state.front().first, "step");

  SGD other{{resumed}, {.learning_rate = schedule}};
  other.set_state(state);
  EXPECT_EQ(other.learning_rate(), sgd.learning_rate());
  const SGD copy = other;
  EXPECT_EQ(copy.learning_rate(), sgd.learning_rate());

  EXPECT_EQ(message_of<ValueError>([&] { SGD({p}).set_state(state); }), "set_state: 'learning_rate' is missing");
  EXPECT_EQ(message_of<ValueError>([&] { other.set_state(SGD({p}).state()); }),
            "set_state: 'learning_rate' belongs to no part of this optimiser");
  EXPECT_EQ(message_of<ValueError>([&] { sgd.set_learning_rate(1); }),
            "set_learning_rate: the learning rate follows a schedule; give the optimiser a number");
}

TEST(Schedule, OneOfYourOwnThatGivesNoRateIsRefused) {
  const auto with = [](const Schedule& schedule) { return SGD({at_zero()}, {.learning_rate = schedule}); };
  EXPECT_EQ(message_of<DTypeError>([&] { with([](const Tensor&) { return Tensor(0.1F); }); }),
            "schedule: the learning rate is f32; expected f64, as the step it is computed from");
  EXPECT_EQ(message_of<ShapeError>([&] { with([](const Tensor&) { return Tensor({0.1}); }); }),
            "schedule: the learning rate is [1]; expected a scalar");
  EXPECT_EQ(message_of<ValueError>([&] { with(Schedule()); }),
            "learning rate: the schedule is empty; give a number or a function");
  EXPECT_EQ(message_of<ValueError>([&] { with([](const Tensor& step) { return step - 1.0; }); }),
            "optimizer: learning_rate is -1; expected a finite number, 0 or more");
}

}  // namespace
}  // namespace wengert::optim
