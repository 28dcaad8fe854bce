#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/operations.h>
#include <wengert/optim/optim.h>

namespace wengert::optim {
namespace {

/// One entry of a parameter as plain numbers, moved by the formulas as they stand in the papers.
struct Entry {
  double p, m = 0, v = 0;
};
using Rule = std::function<void(Entry&, double g, int t)>;
using Make = std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>)>;

struct Case {
  std::string name;
  Make make;
  Rule rule;
};

Rule adam_rule(double rate, double beta_1, double beta_2, double epsilon, double decay) {
  return [=](Entry& e, double g, int t) {
    e.p -= rate * decay * e.p;
    e.m = beta_1 * e.m + (1 - beta_1) * g;
    e.v = beta_2 * e.v + (1 - beta_2) * g * g;
    const double correction = std::sqrt(1 - std::pow(beta_2, t)) / (1 - std::pow(beta_1, t));
    e.p -= rate * correction * e.m / (std::sqrt(e.v) + epsilon);
  };
}

Rule sgd_rule(double rate, double momentum, bool nesterov) {
  return [=](Entry& e, double g, int) {
    e.m = momentum * e.m - rate * g;
    e.p += nesterov ? momentum * e.m - rate * g : e.m;
  };
}

template <typename O, typename Options>
Make maker(Options options) {
  return [options](std::vector<Parameter> p) { return std::make_unique<O>(std::move(p), options); };
}

const std::vector<Case>& cases() {
  static const std::vector<Case> table{
      {"adam", maker<Adam>(AdamOptions{}), adam_rule(1e-3, 0.9, 0.999, 1e-7, 0)},
      {"adam, other settings",
       maker<Adam>(AdamOptions{.learning_rate = 0.02, .beta_1 = 0.8, .beta_2 = 0.95, .epsilon = 1e-3}),
       adam_rule(0.02, 0.8, 0.95, 1e-3, 0)},
      {"adam without memory", maker<Adam>(AdamOptions{.beta_1 = 0, .beta_2 = 0}), adam_rule(1e-3, 0, 0, 1e-7, 0)},
      {"adamw", maker<AdamW>(AdamWOptions{}), adam_rule(1e-3, 0.9, 0.999, 1e-7, 0.004)},
      {"adamw, strong", maker<AdamW>(AdamWOptions{.learning_rate = 0.05, .weight_decay = 0.5}),
       adam_rule(0.05, 0.9, 0.999, 1e-7, 0.5)},
      {"adamw without decay", maker<AdamW>(AdamWOptions{.weight_decay = 0}), adam_rule(1e-3, 0.9, 0.999, 1e-7, 0)},
      {"sgd", maker<SGD>(SGDOptions{.learning_rate = 0.05}), sgd_rule(0.05, 0, false)},
      {"momentum", maker<SGD>(SGDOptions{.learning_rate = 0.05, .momentum = 0.9}), sgd_rule(0.05, 0.9, false)},
      {"nesterov", maker<SGD>(SGDOptions{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}),
       sgd_rule(0.05, 0.9, true)},
  };
  return table;
}

/// The gradient of a bowl with steep and flat sides, plus a ripple that depends on the step.
double bowl_gradient(std::size_t i, double p, int t) {
  return (0.1 + 0.3 * static_cast<double>(i)) * p + 1e-3 * std::sin(0.7 * t + static_cast<double>(i));
}

/// Steps a parameter of 23 entries along with its plain double, and gives the largest difference met.
template <typename T>
double worst_difference(const Case& c, int steps) {
  constexpr std::size_t count = 23;  // neither a whole number of vectors nor less than one
  std::vector<Entry> entries;
  std::vector<T> start;
  for (std::size_t i = 0; i < count; ++i) {
    start.push_back(static_cast<T>(std::cos(2.0 * static_cast<double>(i))));
    entries.push_back({static_cast<double>(start.back())});
  }
  const Parameter parameter(Tensor(start), "p");
  const auto optimizer = c.make({parameter});
  double worst = 0;
  for (int t = 1; t <= steps; ++t) {
    std::vector<T> gradient;
    for (std::size_t i = 0; i < count; ++i) {
      const auto g = static_cast<T>(bowl_gradient(i, entries[i].p, t));
      gradient.push_back(g);
      c.rule(entries[i], static_cast<double>(g), t);
    }
    Gradients gradients;
    gradients.add(parameter, Tensor(gradient));
    optimizer->step(gradients);
    const Tensor now = parameter.value();
    for (std::size_t i = 0; i < count; ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(now.data<T>()[i]) - entries[i].p));
    }
  }
  return worst;
}

TEST(Trajectory, FollowsTheFormulaInF64ForThreeHundredSteps) {
  // Numbers of order 1, each step rounded a few times: some 300 · 2⁻⁵³ if all erred the same way.
  for (const Case& c : cases()) EXPECT_LT(worst_difference<double>(c, 300), 1e-13) << c.name;
}

TEST(Trajectory, FollowsTheFormulaInF32) {
  // 300 roundings of 2⁻²⁵ of numbers of order 1 at worst; momentum multiplies what is left of each by up to ten.
  for (const Case& c : cases()) EXPECT_LT(worst_difference<float>(c, 300), 1e-4) << c.name;
}

TEST(Trajectory, KeepsTheBiasCorrectionInDouble) {
  // 1 − 0.9999999 in f32 is off by a fifth; the first step of Adam is the learning rate, whatever the betas.
  const Parameter p(Tensor({1.0F}), "p");
  Adam adam{{p}, {.learning_rate = 0.25, .beta_1 = 0.9999999, .beta_2 = 0.9999999, .epsilon = 0}};
  Gradients gradients;
  gradients.add(p, Tensor({3.0F}));
  adam.step(gradients);
  EXPECT_NEAR(p.value().item(), 0.75, 1e-6);
}

TEST(Trajectory, IsThatOfKeras) {
  // Five steps of Keras 3.15 in float64 from (0.5, −1.25, 3) with g = (0.1 k, −0.3, 1e-4 k²).
  struct Reference {
    Make make;
    std::vector<double> expected;
  };
  const std::vector<Reference> references{
      {maker<Adam>(AdamOptions{.learning_rate = 1e-2}), {0.45149264326700694, -1.2000006730353743, 2.955491344246971}},
      {maker<AdamW>(AdamWOptions{.learning_rate = 1e-2, .weight_decay = 0.1}),
       {0.4490952567963406, -1.1938630590160944, 2.940612233410577}},
      {maker<SGD>(SGDOptions{.learning_rate = 0.1}), {0.35, -1.1, 2.99945}},
      {maker<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.9}),
       {0.1829690073924063, -0.8556770122852323, 2.999023589016753}},
      {maker<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}),
       {0.06467211421177355, -0.7451093204581017, 2.9985712301383574}},
  };
  for (const Reference& reference : references) {
    const Parameter p(Tensor({0.5, -1.25, 3.0}), "p");
    const auto optimizer = reference.make({p});
    for (int k = 1; k <= 5; ++k) {
      Gradients gradients;
      gradients.add(p, Tensor({0.1 * k, -0.3, 1e-4 * k * k}));
      optimizer->step(gradients);
    }
    // Keras rounds its settings to f32 on the way: 1 − β₂ = 0.001 becomes another by 1.3e-5 of itself, and each of the
    // five moves by 0.01 by half as much.
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(p.value().data<double>()[i], reference.expected[i], 1e-6);
  }
}

}  // namespace
}  // namespace wengert::optim
