#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/optim.h>

namespace wengert::optim {
namespace {

Parameter parameter(std::string name, std::initializer_list<double> numbers) {
  return Parameter(Tensor(numbers), std::move(name));
}

Gradients gradients_of(const std::vector<std::pair<Parameter, Tensor>>& pairs) {
  Gradients gradients;
  for (const auto& [p, g] : pairs) gradients.add(p, g);
  return gradients;
}

std::vector<std::string> names(const NamedTensors& state) {
  std::vector<std::string> result;
  for (const auto& entry : state) result.push_back(entry.first);
  return result;
}

TEST(Optimizer, StepsOnTheGradientsOfATape) {
  Parameter w(Tensor({1.0, -2.0}), "w");
  SGD sgd{{w}, {.learning_rate = 0.5}};
  Tape tape;
  sgd.step(tape.gradient(sum(w * w)));
  EXPECT_EQ(values(w), (std::vector<double>{0, 0}));
  EXPECT_EQ(sgd.steps(), 1);
}

TEST(Optimizer, LeavesAloneWhatHasNoGradientAndWhatIsNotItsOwn) {
  const Parameter a = parameter("a", {1});
  const Parameter b = parameter("b", {2});
  const Parameter foreign = parameter("foreign", {3});
  SGD sgd{{a, b}, {.learning_rate = 1}};
  sgd.step(gradients_of({{foreign, Tensor({1.0})}, {b, Tensor({1.0})}}));
  EXPECT_EQ(values(a), (std::vector<double>{1}));
  EXPECT_EQ(values(b), (std::vector<double>{1}));
  EXPECT_EQ(values(foreign), (std::vector<double>{3}));
}

TEST(Optimizer, LeavesAloneWhatTheLossDoesNotDependOn) {
  const Parameter a = parameter("a", {1}), b = parameter("b", {2});
  AdamW of_a{{a}, {.weight_decay = 0.5}}, of_b{{b}};
  Tape tape;
  const Gradients gradients = tape.gradient(sum(stop_gradient(a.value()) * b.value()));
  of_a.step(gradients);
  of_b.step(gradients);
  EXPECT_EQ(values(a), (std::vector<double>{1}));
  EXPECT_NE(values(b), (std::vector<double>{2}));
  EXPECT_EQ(of_a.steps(), 1);
}

TEST(Optimizer, FindsItsParametersInAnyOrder) {
  std::vector<Parameter> parameters;
  std::vector<std::pair<Parameter, Tensor>> pairs;
  for (int i = 0; i < 7; ++i) {
    parameters.push_back(parameter(std::string(1, static_cast<char>('a' + i)), {0}));
    pairs.insert(i % 2 == 0 ? pairs.begin() : pairs.end(), {parameters.back(), Tensor({-1.0 - i})});
  }
  SGD sgd{parameters, {.learning_rate = 1}};
  sgd.step(gradients_of(pairs));
  for (int i = 0; i < 7; ++i) EXPECT_EQ(parameters[static_cast<std::size_t>(i)].value().item(), 1 + i);
}

TEST(Optimizer, RefusesGradientsThatDoNotFitAndChangesNothing) {
  const Parameter a = parameter("a", {1, 2});
  const Parameter b = parameter("b", {3});
  Adam adam{{a, b}};
  EXPECT_EQ(message_of<ShapeError>([&] {
              adam.step(gradients_of({{b, Tensor({1.0})}, {a, Tensor({1.0})}}));
            }),
            "step: the gradient of parameter 'a' is [1]; expected its shape [2]");
  EXPECT_THROW(adam.step(gradients_of({{a, zeros({2})}})), DTypeError);
  EXPECT_EQ(message_of<ValueError>([&] {
              adam.step(gradients_of({{parameter("c", {1}), Tensor({1.0})}}));
            }),
            "step: none of the 1 gradients is of one of the optimiser's 2 parameters; was it made from this model's "
            "parameters()?");
  EXPECT_THROW(adam.step(Gradients{}), ValueError);
  EXPECT_EQ(values(b), (std::vector<double>{3}));
  EXPECT_EQ(adam.steps(), 0);
}

TEST(Optimizer, TakesEveryParameterOnce) {
  const Parameter a = parameter("a", {1});
  EXPECT_EQ(message_of<ValueError>([&] { SGD({a, a}); }), "optimizer: parameter 'a' is given twice");
  EXPECT_EQ(message_of<ValueError>([&] { Adam(std::vector<Parameter>{}); }),
            "optimizer: no parameters given; pass model.parameters()");
  EXPECT_THROW(SGD({Parameter(Tensor({1, 2}), "integers")}), DTypeError);
}

TEST(Optimizer, SettingsOutOfRangeAreRefused) {
  const std::vector<Parameter> p{parameter("p", {1})};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, infinity, -1e-3}) {
    EXPECT_THROW(SGD(p, {.learning_rate = bad}), ValueError) << bad;
    EXPECT_THROW(Adam(p, {.learning_rate = bad}), ValueError) << bad;
    EXPECT_THROW(AdamW(p, {.learning_rate = bad}), ValueError) << bad;
    EXPECT_THROW(AdamW(p, {.weight_decay = bad}), ValueError) << bad;
    EXPECT_THROW(Adam(p, {.epsilon = bad}), ValueError) << bad;
    EXPECT_THROW(SGD(p, {.momentum = bad}), ValueError) << bad;
    EXPECT_THROW(Adam(p, {.beta_1 = bad}), ValueError) << bad;
    EXPECT_THROW(Adam(p).set_learning_rate(bad), ValueError) << bad;
  }
  EXPECT_EQ(message_of<ValueError>([&] { Adam({Parameter(Tensor({1.0F}))}, {.epsilon = 1e-39}); }),
            "adam: epsilon is 1e-39; expected 1.2e-38 or above for parameters of f32");
  EXPECT_EQ(message_of<ValueError>([&] { AdamW(p, {.beta_1 = 1}); }),
            "adamw: beta_1 is 1; expected 0 or more, and below 1");
  EXPECT_EQ(message_of<ValueError>([&] { AdamW(p, {.epsilon = -1}); }),
            "adamw: epsilon is -1; expected a finite number, 0 or more");
  EXPECT_NO_THROW(Adam({Parameter(Tensor({1.0}))}, {.epsilon = 1e-39}));
  EXPECT_EQ(message_of<ValueError>([&] { Adam(p, {.learning_rate = nan}); }),
            "optimizer: learning_rate is nan; expected a finite number, 0 or more");
  EXPECT_THROW(Adam(p, {.beta_2 = 1}), ValueError);
  EXPECT_THROW(SGD(p, {.momentum = 1.5}), ValueError);
  EXPECT_THROW(SGD(p, {.nesterov = true}), ValueError);
}

TEST(Optimizer, TakesANewLearningRateBetweenSteps) {
  const Parameter p = parameter("p", {0});
  SGD sgd{{p}, {.learning_rate = 1}};
  sgd.step(gradients_of({{p, Tensor({-1.0})}}));
  sgd.set_learning_rate(0.25);
  EXPECT_EQ(sgd.learning_rate(), 0.25);
  sgd.step(gradients_of({{p, Tensor({-1.0})}}));
  EXPECT_EQ(values(p), (std::vector<double>{1.25}));
}

TEST(Optimizer, NamesItsStateAfterTheParameters) {
  Adam adam{{parameter("hidden.weight", {1}), parameter("hidden.bias", {1})}};
  EXPECT_EQ(names(adam.state()), (std::vector<std::string>{"step", "learning_rate", "m.hidden.weight", "m.hidden.bias",
                                                           "v.hidden.weight", "v.hidden.bias"}));
  SGD momentum{{parameter("w", {1}), parameter("w", {1}), parameter("", {1})}, {.momentum = 0.9}};
  EXPECT_EQ(names(momentum.state()),
            (std::vector<std::string>{"step", "learning_rate", "velocity.w", "velocity.w_1", "velocity.2"}));
  EXPECT_EQ(names(SGD({parameter("w", {1})}).state()), (std::vector<std::string>{"step", "learning_rate"}));
}

TEST(Optimizer, GoesOnFromItsStateAsIfItHadNeverStopped) {
  const auto gradient = [](int k) { return Tensor({0.1 * k, -0.3, 1e-3 * k * k}); };
  const Parameter p = parameter("p", {0.5, -1.25, 3});
  Adam adam{{p}, {.learning_rate = 1e-2}};
  for (int k = 1; k <= 4; ++k) adam.step(gradients_of({{p, gradient(k)}}));

  const Parameter resumed = p.clone();
  Adam other{{resumed}};
  NamedTensors state = adam.state();
  std::swap(state.front(), state.back());  // the order does not matter
  other.set_state(state);
  EXPECT_EQ(other.learning_rate(), 1e-2);
  EXPECT_EQ(other.steps(), 4);
  for (int k = 5; k <= 8; ++k) {
    adam.step(gradients_of({{p, gradient(k)}}));
    other.step(gradients_of({{resumed, gradient(k)}}));
  }
  EXPECT_EQ(values(resumed), values(p));
}

TEST(Optimizer, ACopyHasAStateOfItsOwn) {
  const Parameter p = parameter("p", {1});
  Adam adam{{p}};
  const Adam copy = adam;
  adam.step(gradients_of({{p, Tensor({1.0})}}));
  EXPECT_EQ(copy.steps(), 0);
  EXPECT_EQ(copy.state()[2].second.item(), 0);
  EXPECT_NE(adam.state()[2].second.item(), 0);
}

TEST(Optimizer, SharesNothingWithOneThatItWasMovedFrom) {
  const Parameter p = parameter("p", {1}), q = parameter("q", {2});
  SGD a{{p}, {.learning_rate = 0.1}}, b{{q}, {.learning_rate = 0.2}};
  b.step(gradients_of({{q, Tensor({1.0})}}));
  std::swap(a, b);
  EXPECT_EQ(a.learning_rate(), 0.2);
  EXPECT_EQ(b.learning_rate(), 0.1);
  EXPECT_EQ(a.steps(), 1);
  EXPECT_EQ(b.steps(), 0);
  EXPECT_EQ(a.parameters(), std::vector{q});
  SGD c = std::move(a);
  a = SGD{{p}, {.learning_rate = 0.3}};
  EXPECT_EQ(c.learning_rate(), 0.2);
  EXPECT_EQ(c.steps(), 1);
}

TEST(Optimizer, RefusesAStateThatDoesNotFitAndChangesNothing) {
  Adam adam{{parameter("p", {1, 2})}};
  const NamedTensors good = adam.state();
  const auto with = [&](std::size_t i, Tensor tensor) {
    NamedTensors state = good;
    state[i].second = std::move(tensor);
    return state;
  };
  NamedTensors missing = good;
  missing.pop_back();
  NamedTensors surplus = good;
  surplus.emplace_back("u.p", Tensor({0.0, 0.0}));
  EXPECT_EQ(message_of<ValueError>([&] { adam.set_state(missing); }), "set_state: 'v.p' is missing");
  EXPECT_EQ(message_of<ValueError>([&] { adam.set_state(surplus); }),
            "set_state: 'u.p' belongs to no part of this optimiser");
  EXPECT_EQ(message_of<ShapeError>([&] { adam.set_state(with(2, Tensor({0.0}))); }),
            "set_state: 'm.p' is [1]; expected [2]");
  EXPECT_EQ(message_of<DTypeError>([&] { adam.set_state(with(3, zeros({2}))); }),
            "set_state: 'v.p' is f32; expected f64");
  EXPECT_THROW(adam.set_state(with(0, Tensor(std::int64_t{-1}))), ValueError);
  EXPECT_THROW(adam.set_state(with(1, Tensor(-1.0))), ValueError);
  EXPECT_EQ(adam.steps(), 0);
  EXPECT_EQ(adam.learning_rate(), 1e-3);
}

/// The first moments, or the second, after one gradient and so many steps without.
template <typename Optimizer>
Tensor moments_after(Optimizer optimizer, const Parameter& p, int steps, std::size_t which = 0) {
  optimizer.step(gradients_of({{p, ones(p.value().shape(), p.value().dtype())}}));
  for (int i = 0; i < steps; ++i) optimizer.step(gradients_of({{p, zeros(p.value().shape(), p.value().dtype())}}));
  return optimizer.state()[2 + which].second;
}

TEST(Optimizer, MomentsWithoutGradientBecomeZeroInsteadOfSubnormal) {
  // 0.1 · 0.9ⁿ passes 2⁻⁷⁶ at n = 479, 2⁻⁹⁰⁰ at 5899.
  for (const auto& [dtype, few, many] :
       std::vector<std::tuple<DType, int, int>>{{DType::f32, 450, 500}, {DType::f64, 5800, 6000}}) {
    const Parameter p(ones({5}, dtype), "p");
    const SGDOptions nesterov{.momentum = 0.9, .nesterov = true};
    EXPECT_FALSE(same_bits(moments_after(Adam{{p}}, p, few), zeros({5}, dtype)));
    EXPECT_TRUE(same_bits(moments_after(Adam{{p}}, p, many), zeros({5}, dtype)));
    EXPECT_TRUE(same_bits(moments_after(AdamW{{p}}, p, many), zeros({5}, dtype)));
    EXPECT_TRUE(same_bits(moments_after(SGD{{p}, {.momentum = 0.9}}, p, many), zeros({5}, dtype)));
    EXPECT_TRUE(same_bits(moments_after(SGD{{p}, nesterov}, p, many), zeros({5}, dtype)));
  }
  // 0.001 · 0.999ⁿ passes (ε 2⁻²⁶)² at n = 61,340. Without ε every v counts.
  const Parameter p(ones({5}), "p");
  EXPECT_FALSE(same_bits(moments_after(Adam{{p}}, p, 61'000, 1), zeros({5})));
  EXPECT_TRUE(same_bits(moments_after(Adam{{p}}, p, 62'000, 1), zeros({5})));
  EXPECT_FALSE(same_bits(moments_after(Adam{{p}, {.epsilon = 0}}, p, 62'000, 1), zeros({5})));
}

TEST(Optimizer, AssignedToStaysTheOneThatACompiledStepKnows) {
  const Parameter p = parameter("p", {1});
  SGD sgd{{p}, {.learning_rate = 0.5, .momentum = 0.5}};
  const auto step = compile([&] {
    Tape tape;
    sgd.step(tape.gradient(sum(p.value() * 1.0)));
  });
  step();
  const SGD kept = sgd;
  step();
  EXPECT_EQ(values(p), (std::vector<double>{-0.25}));
  sgd = kept;
  step();
  EXPECT_EQ(sgd.steps(), 2);
  EXPECT_EQ(values(p), (std::vector<double>{-1.0})) << "by the velocity that was kept";
  sgd = SGD{{p}, {.learning_rate = 0.0, .momentum = 0.5}};
  step();
  EXPECT_EQ(values(p), (std::vector<double>{-1.0}));
  EXPECT_EQ(kept.steps(), 1);
}

TEST(Optimizer, OfOnesOwnMayKeepManyTensors) {
  class Counting : public Optimizer {
   public:
    explicit Counting(const Parameter& p) : Optimizer({p}, 0.1, {"a", "b", "c", "d", "e", "f", "g", "h"}) {}

   private:
    void update(Parameter&, const Tensor&, const Tensor&, const Tensor&, std::span<Tensor> state) override {
      for (std::size_t i = 0; i < state.size(); ++i) state[i] = state[i] + static_cast<double>(i);
    }
  } counting(parameter("p", {1}));
  const Parameter p = counting.parameters()[0];
  counting.step(gradients_of({{p, Tensor({1.0})}}));
  EXPECT_EQ(counting.state().back().second.data<double>()[0], 7.0);
}

}  // namespace
}  // namespace wengert::optim
