#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "support/apart.h"
#include "support/message_of.h"
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>
#include <wengert/autograd/internal/ridders.h>

namespace wengert {
namespace {

/// Ten times the largest error of extrapolated differences in the catalogue (docs/decisions/0010); in f32 there would
/// be four digits.
constexpr double error_of_differences = 1e-12;

std::vector<const Operation*> differentiable_operations() {
  std::vector<const Operation*> result;
  for (const Operation* operation : catalogue()) {
    if (operation->differentiable) result.push_back(operation);
  }
  return result;
}

class GradcheckOfTheCatalogue : public testing::TestWithParam<std::tuple<const Operation*, int>> {};

TEST_P(GradcheckOfTheCatalogue, Passes) {
  const auto& [operation, order] = GetParam();
  const GradcheckReport report = gradcheck(*operation, {.order = order});
  EXPECT_TRUE(report.passed) << to_string(report);
  EXPECT_GE(report.samples, 3U) << "three samples or more, so that one shape does not stand for all";
  EXPECT_GT(report.points, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, GradcheckOfTheCatalogue,
                         testing::Combine(testing::ValuesIn(differentiable_operations()), testing::Values(1, 2)),
                         [](const auto& place) {
                           return std::get<0>(place.param)->name + "_order_" + std::to_string(std::get<1>(place.param));
                         });

TEST(Gradcheck, SkipsFewerThanATenthOfThePointsOfTheCatalogueAndSaysWhy) {
  std::int64_t points = 0;
  std::int64_t skipped = 0;
  for (const Operation* operation : differentiable_operations()) {
    const GradcheckReport report = gradcheck(*operation);
    points += report.points;
    skipped += report.skipped;
    EXPECT_EQ(report.skipped == 0, report.skip_reasons.empty()) << operation->name;
  }
  EXPECT_LT(10 * skipped, points + skipped);
}

TEST(Gradcheck, IsSpelledAsInTheDesign) {
  const auto report = gradcheck([](const Tensor& t) { return gelu(t); }, Tensor({-1.5, 0.2, 3.0}));
  EXPECT_TRUE(report.passed);
  EXPECT_EQ(report.points, 3);
  EXPECT_EQ(report.skipped, 0);
  EXPECT_LT(report.max_relative_error, error_of_differences);
}

TEST(Gradcheck, TakesFunctionsOfSeveralTensorsAndWithSeveralResults) {
  const Tensor a({{0.5, -1.0}, {2.0, 0.25}});
  const Tensor b({1.5, -0.75});
  const auto two = [](const Tensor& x, const Tensor& y) { return sin(x) * y; };
  const auto span = [](std::span<const Tensor> x) { return x[0] * exp(x[1]); };
  const auto several = [](const std::vector<Tensor>& x) { return std::vector<Tensor>{x[0] * x[1], tanh(x[1])}; };
  for (const int order : {1, 2}) {
    EXPECT_EQ(gradcheck(two, {a, b}, {.order = order}).points, order == 1 ? 6 : 10);  // 4 seeds more
    EXPECT_TRUE(gradcheck(two, {a, b}, {.order = order}).passed);
    EXPECT_TRUE(gradcheck(span, {a, b}, {.order = order}).passed);
    const GradcheckReport report = gradcheck(several, {a, b}, {.order = order});
    EXPECT_TRUE(report.passed) << to_string(report);
    EXPECT_EQ(report.points, order == 1 ? 6 : 12);
  }
}

TEST(Gradcheck, LeavesIntegersAlone) {
  const auto f = [](const Tensor& x, const Tensor& indices) { return take(x, indices, 0); };
  const GradcheckReport report = gradcheck(f, {Tensor({0.5, 1.5, 2.5}), Tensor({2, 0, 2})});
  EXPECT_TRUE(report.passed);
  EXPECT_EQ(report.points, 3);
  EXPECT_THROW(gradcheck([](const Tensor& x) { return x; }, Tensor({1, 2})), GradientError);
}

TEST(Gradcheck, ChecksSingleNumbersAsDoubles) {
  const GradcheckReport report = gradcheck([](const Tensor& x) { return exp(x) * x; }, Tensor({0.1F, 2.0F}));
  EXPECT_TRUE(report.passed);
  EXPECT_LT(report.max_relative_error, error_of_differences);
}

TEST(Gradcheck, KeepsToOneSideOfAKinkAndSkipsAnEntryOnOne) {
  const auto f = [](const Tensor& x) { return abs(x - 1) * x; };
  const Tensor x({0.98, 1.0, 1.5});
  const GradcheckReport report = gradcheck(f, x, {.kinks = {1.0}});
  EXPECT_TRUE(report.passed) << to_string(report);
  EXPECT_EQ(report.points, 2);
  EXPECT_EQ(report.skipped, 1);
  EXPECT_EQ(report.skip_reasons, std::vector<std::string>{"the derivative jumps at 1"});
}

TEST(Gradcheck, FindsTheStepForNumbersOfEverySize) {
  const auto f = [](const Tensor& x) { return log(x) * sqrt(x); };
  const GradcheckReport report = gradcheck(f, Tensor({1e-6, 1e-3, 0.5, 40.0, 3e4, 1e8}));
  EXPECT_TRUE(report.passed) << to_string(report);
}

TEST(Gradcheck, RefusesWhatItCannotCheck) {
  const auto f = [](const Tensor& x) { return x; };
  EXPECT_THROW(gradcheck(f, Tensor(1.0), {.order = 3}), ValueError);
  EXPECT_THROW(gradcheck(f, Tensor(1.0), {.limit = -1}), ValueError);
  EXPECT_THROW(gradcheck(f, Tensor(1.0), {.limit = NAN}), ValueError);
  EXPECT_THROW(gradcheck(f, {Tensor(1.0), Tensor(2.0)}), ValueError);
  EXPECT_THROW(gradcheck(*find_operation("argmax")), GradientError);
  EXPECT_THROW(gradcheck(pointwise("bare", {.formula = [](Scalar x) { return x; }})), ValueError);
}

TEST(Gradcheck, RefusesFunctionsWithoutAFloatingResult) {
  const auto f = [](const Tensor& x) { return x > 0.0; };
  EXPECT_EQ(message_of<GradientError>([&] {
              gradcheck(f, Tensor({1.0, 2.0}));
            }),
            "gradcheck: the function has no floating result, or others at other places; expected one or more, of the "
            "same shapes everywhere");
  EXPECT_THROW(gradcheck(f, Tensor({1.0, 2.0}), {.order = 2}), GradientError);
}

TEST(Gradcheck, RefusesResultsThatChangeWithTheInput) {
  const auto shapes = [](const Tensor& x) { return x.item() > 1 ? x : reshape(x, {1}); };
  EXPECT_THROW(gradcheck(shapes, Tensor(1.0)), GradientError);
  const auto numbers = [](const Tensor& x) { return std::vector<Tensor>(x.item() == 1 ? 2 : 1, x); };
  EXPECT_THROW(gradcheck(numbers, Tensor(1.0)), GradientError);
}

/// x³, whose derivative the tests get wrong.
PointwiseDefinition cube(Formula derivative) {
  return {.formula = [](Scalar x) { return x * x * x; },
          .derivative = std::move(derivative),
          .samples =
              [] {
                return std::vector<Sample>{{{Tensor({-0.5, 0.25, 2.0})}}};
              }};
}

TEST(GradcheckIsAbleToFail, CatchesAWrongGradientOfARegisteredOperation) {
  static const Operation wrong =
      pointwise("cube_with_a_wrong_gradient", cube([](Scalar x, Scalar, Scalar dy) { return dy * 2.0 * x * x; }));
  test::apart([] {
    register_operation(wrong);
    const GradcheckReport report = gradcheck(*find_operation("cube_with_a_wrong_gradient"));
    EXPECT_FALSE(report.passed);
    // At 2 the factor that is missing stands out: 8 in place of 12, a third of the larger.
    EXPECT_NEAR(report.max_relative_error, 1.0 / 3, 1e-9);
    EXPECT_EQ(report.worst.sample, 0U);
    EXPECT_EQ(report.worst.input, 0U);
    EXPECT_EQ(report.worst.index, Ints{2});
    EXPECT_NEAR(report.worst.analytic / report.worst.numeric, 2.0 / 3, 1e-9);
    EXPECT_NE(to_string(report).find("failed: 3 points, largest error 0.33 at input 0 [2] of sample 0: analytic"),
              std::string::npos)
        << to_string(report);
  });
}

TEST(GradcheckIsAbleToFail, CatchesAGradientThatIsRightAtOrderOneAlone) {
  // 3x² is written as 3|x|², whose own derivative is then given without the sign of x, through an operation of its own.
  static const Operation bad_square = primitive(
      "square_with_a_wrong_gradient", {.reads = {.inputs = 1},
                                       .infer =
                                           [](auto inputs, const Attributes&, auto results) {
                                             results[0] = {inputs[0].dtype(), inputs[0].shape()};
                                           },
                                       .evaluate = [](auto inputs, const Attributes&) { return inputs[0] * inputs[0]; },
                                       .vjp = [](const Vjp& vjp) { vjp.set(0, vjp.dy() * 2 * abs(vjp.input())); }});
  static const Operation good_cube =
      primitive("cube_with_a_wrong_second_gradient",
                {.reads = {.inputs = 1},
                 .infer =
                     [](auto inputs, const Attributes&, auto results) {
                       results[0] = {inputs[0].dtype(), inputs[0].shape()};
                     },
                 .evaluate = [](auto inputs, const Attributes&) { return inputs[0] * inputs[0] * inputs[0]; },
                 .vjp = [](const Vjp& vjp) { vjp.set(0, vjp.dy() * 3 * apply(bad_square, {vjp.input()})); },
                 .samples =
                     [] {
                       return std::vector<Sample>{{{Tensor({-0.5, 0.25, 2.0})}}};
                     }});
  EXPECT_TRUE(gradcheck(good_cube).passed);
  const GradcheckReport second = gradcheck(good_cube, {.order = 2});
  EXPECT_FALSE(second.passed);
  EXPECT_EQ(second.worst.index, Ints{0}) << "the entry below 0";
}

TEST(GradcheckIsAbleToFail, CatchesAnErrorJustAboveTheLimit) {
  const auto slightly_wrong = [](double error) {
    const Operation operation =
        pointwise("slightly_wrong", cube([error](Scalar x, Scalar, Scalar dy) { return dy * (3.0 + error) * x * x; }));
    return gradcheck(operation).passed;
  };
  // The largest derivative, 12 times the weight of the direction, is off by error / 3 relative.
  EXPECT_FALSE(slightly_wrong(3.1e-6));
  EXPECT_TRUE(slightly_wrong(2.9e-7));
}

TEST(GradcheckIsAbleToFail, CatchesANaN) {
  const GradcheckReport report = gradcheck(
      pointwise("cube_with_nan", cube([](Scalar x, Scalar, Scalar dy) { return dy * 3.0 * sqrt(x) * sqrt(x) * x; })));
  EXPECT_FALSE(report.passed);
  EXPECT_TRUE(std::isinf(report.max_relative_error));
}

TEST(GradcheckIsAbleToFail, CatchesAVjpThatReadsWhatItDidNotDeclare) {
  const Operation undeclared =
      primitive("undeclared", {.infer =
                                   [](auto inputs, const Attributes&, auto results) {
                                     results[0] = {inputs[0].dtype(), inputs[0].shape()};
                                   },
                               .evaluate = [](auto inputs, const Attributes&) { return inputs[0] * inputs[0]; },
                               .vjp = [](const Vjp& vjp) { vjp.set(0, vjp.dy() * 2 * vjp.input()); },
                               .samples =
                                   [] {
                                     return std::vector<Sample>{{{Tensor({-0.5, 0.25})}}};
                                   }});
  EXPECT_THROW(gradcheck(undeclared), ValueError);
  // Even where another record had the value kept.
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  const Tensor y = sum(apply(undeclared, {x}) + x * x);
  EXPECT_THROW(tape.gradient(y, x), ValueError);
}

TEST(GradcheckIsAbleToFail, CatchesAnAdjointOfAnotherShapeOrDType) {
  const auto with_adjoint = [](Tensor adjoint) {
    const Operation operation =
        primitive("misshapen", {.infer =
                                    [](auto inputs, const Attributes&, auto results) {
                                      results[0] = {inputs[0].dtype(), inputs[0].shape()};
                                    },
                                .evaluate = [](auto inputs, const Attributes&) { return inputs[0] * 1; },
                                .vjp = [adjoint](const Vjp& vjp) { vjp.set(0, adjoint); },
                                .samples =
                                    [] {
                                      return std::vector<Sample>{{{Tensor({-0.5, 0.25})}}};
                                    }});
    gradcheck(operation);
  };
  EXPECT_THROW(with_adjoint(ones({3}, DType::f64)), GradientError);
  EXPECT_THROW(with_adjoint(ones({2}, DType::f32)), GradientError);
}

// The first tableau is certain of another number here, for a third of the directions.
TEST(Gradcheck, AsksAgainWithSmallerStepsBeforeItSaysNo) {
  const auto bent = [](const Tensor& t) {
    const Tensor u = -tan(t / (1.0 + t * t));
    return cosh(u / (1.0 + u * u));
  };
  const Tensor x({0.59919694671283696, 0.38072746541334314, 0.70405738690022879});
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_TRUE(gradcheck(bent, x, {.order = 2, .seed = seed}).passed) << seed;
}

TEST(Ridders, FindsDerivativesToManyDigitsAndKnowsHowMany) {
  struct Case {
    const char* name;
    double (*f)(double);
    double x, derivative;
  };
  const std::vector<Case> cases{
      {"exp", [](double x) { return std::exp(x); }, 1.0, std::exp(1.0)},
      {"exp, large", [](double x) { return std::exp(x); }, 30.0, std::exp(30.0)},
      {"log close to 0", [](double x) { return std::log(x); }, 1e-4, 1e4},
      {"fast sine", [](double x) { return std::sin(100 * x); }, 0.3, 100 * std::cos(30.0)},
      {"steep tanh", [](double x) { return std::tanh(1e3 * x); }, 1e-3, 1e3 / std::pow(std::cosh(1.0), 2)},
      {"a pole at 1", [](double x) { return 1 / (1 - x); }, 0.999, 1e6},
      {"straight beside a kink", [](double x) { return std::abs(x); }, 0.01, 1.0},
      {"a step nearby", [](double x) { return std::floor(x); }, 0.97, 0.0},
  };
  for (const Case& c : cases) {
    const auto quotient = [&](double h) { return (c.f(c.x + h) - c.f(c.x - h)) / ((c.x + h) - (c.x - h)); };
    const detail::Derivative found = detail::extrapolate(quotient, {0.1, 0.1}, 1e-9);
    const double size = std::max(1.0, std::abs(c.derivative));
    EXPECT_NEAR(found.value, c.derivative, 1e-8 * size) << c.name;
    EXPECT_LE(std::abs(found.value - c.derivative), 10 * found.uncertainty + 1e-13 * size) << c.name;
  }
}

TEST(Ridders, SaysWhenThereIsNothingToFind) {
  const auto nothing = detail::extrapolate([](double) { return NAN; }, {0.1, 0.1}, 1e-9);
  EXPECT_TRUE(std::isnan(nothing.value));
  EXPECT_TRUE(std::isinf(nothing.uncertainty));
  const auto jump = detail::extrapolate([](double h) { return 1 / h; }, {0.1, 0.1}, 1e-9);
  EXPECT_GT(jump.uncertainty, 0.01);
}

}  // namespace
}  // namespace wengert
