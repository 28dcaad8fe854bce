#include <array>
#include <cmath>
#include <sstream>
#include <vector>

#include "support/apart.h"
#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>
#include <wengert/nn/activation.h>

// Operations that are defined outside of the library: all that ours can do, they can.

namespace wengert {
namespace {

/// x² σ(ax), with its derivative left to the library.
const Operation& swelling() {
  static const Operation operation =
      pointwise("swelling", {.documentation = "x² σ(ax)",
                             .category = Category::activation,
                             .formula = [](Scalar x, Scalar a) { return x * x / (1.0 + exp(-(a * x))); },
                             .attributes = {{"a", 1.5}},
                             .samples =
                                 [] {
                                   return std::vector<Sample>{{{Tensor({-2.0, 0.0, 0.75})}},
                                                              {{Tensor({{0.3}, {-1.0}})}, {{"a", 0.5}}},
                                                              {{Tensor(1.25)}}};
                                 }});
  return operation;
}

/// The square root of the sum of squares along the last axis.
const Operation& row_length() {
  static const Operation operation = primitive(
      "row_length", {.category = Category::reduction,
                     .reads = {.inputs = 1, .outputs = 1},
                     .infer =
                         [](auto inputs, const Attributes&, auto results) {
                           if (inputs[0].rank() == 0)
                             throw ShapeError("row_length: a scalar has no rows; expected rank 1 or more");
                           const Shape& shape = inputs[0].shape();
                           results[0] = {inputs[0].dtype(), Shape(std::span(shape.begin(), shape.rank() - 1))};
                         },
                     .kernel =
                         [](auto inputs, const Attributes&, auto results) {
                           dispatch(inputs[0].dtype(), [&](auto type) {
                             using T = decltype(type);
                             if constexpr (std::is_floating_point_v<T>) {
                               const std::span<const T> x = inputs[0].template data<T>();
                               const auto width = static_cast<std::size_t>(inputs[0].shape().back());
                               std::size_t i = 0;
                               for (T& length : writable<T>(results[0])) {
                                 T squares = 0;
                                 for (std::size_t k = 0; k < width; ++k, ++i) squares += x[i] * x[i];
                                 length = std::sqrt(squares);
                               }
                             }
                           });
                         },
                     .vjp =
                         [](const Vjp& vjp) {
                           Ints column(vjp.output_shape());
                           column.push_back(1);
                           vjp.set(0, (vjp.dy() / vjp.output()).reshape(column) * vjp.input());
                         },
                     .samples =
                         [] {
                           return std::vector<Sample>{{{Tensor({{0.5, -1.0, 2.0}, {1.5, 0.25, -0.75}})}},
                                                      {{Tensor({3.0, -4.0})}},
                                                      {{Tensor({{{0.5, 0.1}}, {{-0.2, 0.9}}})}}};
                         }});
  return operation;
}

class OwnOperation : public testing::TestWithParam<const Operation*> {};

TEST_P(OwnOperation, PassesTheGradientCheckAtBothOrders) {
  for (const int order : {1, 2}) {
    const GradcheckReport report = gradcheck(*GetParam(), {.order = order});
    EXPECT_TRUE(report.passed) << to_string(report);
    EXPECT_GE(report.points, 6);
  }
}

TEST_P(OwnOperation, IsDifferentiatedThreeTimes) {
  const auto f = [&](const Tensor& t) { return sum(apply(*GetParam(), {t})); };
  const auto second = [&](const Tensor& t) {
    return sum(sin(grad([&](const Tensor& u) { return sum(grad(f)(u) * u); })(t)));
  };
  // The third derivative by nesting against differences of the second.
  const GradcheckReport report = gradcheck(second, Tensor({{0.5, -1.25, 2.0}}), {.limit = 1e-6});
  EXPECT_TRUE(report.passed) << to_string(report);
}

TEST_P(OwnOperation, StandsInTheRecordsAndPrints) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({{0.5, -1.25}}));
  const Tensor y = apply(*GetParam(), {x});
  ASSERT_EQ(tape.records().size(), 1U);
  EXPECT_EQ(tape.records()[0].operation, GetParam());
  std::ostringstream text;
  text << y;
  EXPECT_EQ(text.str(), to_string(y));
  EXPECT_EQ(to_string(tape.records()[0].attributes), GetParam() == &swelling() ? "a=1.5" : "");
}

INSTANTIATE_TEST_SUITE_P(Either, OwnOperation, testing::Values(&swelling(), &row_length()),
                         [](const auto& place) { return place.param->name; });

TEST(OwnOperations, AreKnownByNameOnceRegistered) {
  test::apart([] {
    EXPECT_EQ(find_operation("swelling"), nullptr);
    register_operation(swelling());
    EXPECT_EQ(find_operation("swelling"), &swelling());
    EXPECT_EQ(catalogue().back(), &swelling());
    const Operation* derivative = find_operation("swelling'0");
    ASSERT_NE(derivative, nullptr);
    EXPECT_NE(find_operation("swelling'0'0"), nullptr);
    EXPECT_EQ(find_operation("swelling'1"), nullptr);
    EXPECT_EQ(find_operation("swelling'x"), nullptr);
    EXPECT_EQ(nn::activation("swelling")(Tensor(1.0)).item(), apply(swelling(), {Tensor(1.0)}).item());
    EXPECT_THROW(register_operation(swelling()), ValueError);
    static const Operation relu_again = pointwise("relu", {.formula = [](Scalar x) { return maximum(x, 0.0); }});
    EXPECT_THROW(register_operation(relu_again), ValueError);
  });
}

TEST(OwnOperations, ComputeInSingleNumbersToo) {
  const double x = 1.25;
  const auto expected = static_cast<float>(x * x / (1 + std::exp(-1.5 * x)));
  EXPECT_NEAR(apply(swelling(), {Tensor(1.25F)}).item<float>(), expected, 4e-7F);  // a few units in the last place
  EXPECT_EQ(apply(row_length(), {Tensor({3.0F, -4.0F})}).item<float>(), 5.0F);
}

TEST(OwnOperations, TakeParametersForTheirValues) {
  const Parameter weight(Tensor({1.0, -2.0}));
  Tape tape;
  const Tensor y = sum(apply(swelling(), {weight}) * Tensor({1.0, 3.0}));
  const Tensor gradient = tape.gradient(y)[weight];
  const Tensor expected = grad([](const Tensor& w) {
    return sum(apply(swelling(), {w}) * Tensor({1.0, 3.0}));
  })(Tensor({1.0, -2.0}));
  EXPECT_TRUE(same_bits(gradient, expected));
}

TEST(OwnOperations, TakeAttributesByNameInAnyOrder) {
  static const Operation line = pointwise("line", {.formula = [](Scalar x, Scalar a, Scalar b) { return a * x + b; },
                                                   .attributes = {{"slope", 1.0}, {"offset", 0.0}}});
  const Tensor x(3.0);
  EXPECT_EQ(apply(line, {x}).item(), 3.0);
  EXPECT_EQ(apply(line, {x}, {{"slope", 2.0}, {"offset", 5.0}}).item(), 11.0);
  EXPECT_EQ(apply(line, {x}, {{"offset", 5.0}, {"slope", 2.0}}).item(), 11.0);
  EXPECT_EQ(apply(line, {x}, {{"offset", 5.0}}).item(), 8.0);
  EXPECT_EQ(apply(line, {x}, {{"offset", std::int64_t{5}}}).item(), 8.0);
  EXPECT_THROW(apply(line, {x}, {{"intercept", 5.0}}), ValueError);
  EXPECT_THROW(apply(line, {x}, {{"slope", 2.0}, {"intercept", 5.0}}), ValueError);
  EXPECT_THROW(apply(line, {x}, {{"slope", true}, {"offset", 0.0}}), ValueError);
}

TEST(OwnOperations, TakeIntegersForNumbersInTheirDefinition) {
  static const Operation times =
      pointwise("times", {.formula = [](Scalar x, Scalar a) { return a * x; }, .attributes = {{"a", 4}}});
  EXPECT_EQ(apply(times, {Tensor(3.0)}).item(), 12.0);
  EXPECT_EQ(apply(times, {Tensor(3.0)}, {{"a", 5}}).item(), 15.0);
  EXPECT_EQ(message_of<ValueError>([] {
              pointwise("b", {.formula = [](Scalar x, Scalar a) { return a * x; }, .attributes = {{"a", true}}});
            }),
            "b: the attribute a=true is no number; the formula takes numbers alone");
}

TEST(OwnOperations, SayWhatTheirFormulaHasNotForIntegers) {
  const auto define = [] {
    pointwise("c", {.formula = [](Scalar x) { return exp(x) + 1.0; }, .domain = Domain::numbers});
  };
  EXPECT_EQ(message_of<ValueError>(define),
            "c: the formula takes exp, which integers do not have; expected Domain::floating");
}

TEST(OwnOperations, RefuseNumbersThatIntegersDoNotHold) {
  const auto define = [](double number) {
    return pointwise("d", {.formula = [number](Scalar x) { return x * number; }, .domain = Domain::numbers});
  };
  EXPECT_EQ(message_of<DTypeError>([&] {
              apply(define(0.5), {Tensor({3, 8})});
            }),
            "d: the number 0.5 does not fit i32; cast the tensor to a dtype that holds it (cast(x, DType::f32))");
  EXPECT_THROW(apply(define(NAN), {Tensor({3})}), DTypeError);
  EXPECT_THROW(apply(define(0x1p31), {Tensor({3})}), DTypeError);
  EXPECT_EQ(apply(define(0x1p31), {Tensor({std::int64_t{3}})}).data<std::int64_t>()[0], std::int64_t{3} << 31);
  EXPECT_EQ(apply(define(0.5), {Tensor({3.0})}).item(), 1.5);
  EXPECT_EQ(apply(define(-3), {Tensor({3, 8})}).data<std::int32_t>()[1], -24);
  static const Operation times = pointwise(
      "times",
      {.formula = [](Scalar x, Scalar a) { return a * x; }, .attributes = {{"a", 0.5}}, .domain = Domain::numbers});
  EXPECT_EQ(message_of<DTypeError>([] {
              apply(times, {Tensor({3, 8})});
            }),
            "times: the number 0.5 does not fit i32; cast the tensor to a dtype that holds it (cast(x, DType::f32))");
  EXPECT_EQ(apply(times, {Tensor({3, 8})}, {{"a", 2}}).data<std::int32_t>()[1], 16);
  EXPECT_EQ(apply(times, {Tensor({3.0, 8.0})}).data<double>()[1], 4.0);
}

TEST(OwnOperations, SayHowManyInputsAndResultsThereMayBe) {
  const auto define = [] {
    pointwise("many", {.formula = [](Scalar x) { return std::array{x, x, x, x, x, x, x, x}; }});
  };
  EXPECT_EQ(message_of<ValueError>(define),
            "many: 1 inputs and 8 results; expected one input or more, and up to 16 of inputs and, twice, results");
}

TEST(OwnOperations, SayWhatTheirDefinitionLacks) {
  const auto infer = [](auto inputs, const Attributes&, auto results) { results[0] = {inputs[0].dtype(), {}}; };
  const auto evaluate = [](auto inputs, const Attributes&) { return inputs[0]; };
  EXPECT_THROW(primitive("a", {.evaluate = evaluate}), ValueError);
  EXPECT_THROW(primitive("a", {.infer = infer}), ValueError);
  EXPECT_THROW(primitive("a", {.infer = infer, .evaluate = evaluate}), ValueError);
  EXPECT_NO_THROW(primitive("a", {.differentiable = false, .infer = infer, .evaluate = evaluate}));
  EXPECT_THROW(composed("a", {}), ValueError);
  EXPECT_THROW(pointwise("a", {}), ValueError);
  EXPECT_THROW(pointwise("a", {.formula = [](Scalar x) { return x; }, .derivative = [](Scalar x) { return x; }}),
               ValueError);
}

TEST(OwnOperations, MayHaveSeveralResults) {
  static const Operation polar =
      pointwise("polar", {.formula =
                              [](Scalar x, Scalar y) {
                                return std::array<Scalar, 2>{hypot(x, y), atan2(y, x)};
                              },
                          .samples =
                              [] {
                                return std::vector<Sample>{{{Tensor({0.5, -1.0}), Tensor({1.5, 0.25})}},
                                                           {{Tensor({{2.0}, {-0.5}}), Tensor({0.75, -1.25})}},
                                                           {{Tensor(1.0), Tensor(2.0)}}};
                              }});
  EXPECT_TRUE(gradcheck(polar).passed) << to_string(gradcheck(polar));
  EXPECT_TRUE(gradcheck(polar, {.order = 2}).passed) << to_string(gradcheck(polar, {.order = 2}));
  EXPECT_THROW(apply(polar, {Tensor(3.0), Tensor(4.0)}), ValueError) << "one result asked for";
  Tape tape;
  const Tensor x = tape.watch(Tensor(3.0));
  std::vector<Tensor> results(2);
  apply(polar, std::vector<Tensor>{x, Tensor(4.0)}, {}, results);
  EXPECT_EQ(results[0].item(), 5.0);
  EXPECT_NEAR(tape.gradient(results[0], x).item(), 0.6, 1e-15);
  EXPECT_NEAR(tape.gradient(results[1], x).item(), -4.0 / 25, 1e-15);
}

TEST(OwnOperations, SayWhereTheirRulesLeaveTheirBounds) {
  const auto infer = [](auto inputs, const Attributes&, auto results) { results[0] = {inputs[0].dtype(), {}}; };
  const auto kernel = [](auto, const Attributes&, auto results) { writable<double>(results[0])[0] = 1; };
  const Operation beyond = primitive(
      "beyond", {.infer = infer, .kernel = kernel, .vjp = [](const Vjp& vjp) { vjp.set(100'000, vjp.dy()); }});
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  const Tensor y = apply(beyond, {x});
  EXPECT_EQ(message_of<ValueError>([&] { static_cast<void>(tape.gradient(y, x)); }),
            "beyond: its vjp asks for input 100000; there are 1");

  const auto evaluated = [&](const Tensor& result) {
    const Operation operation = primitive(
        "evaluated",
        {.differentiable = false, .infer = infer, .evaluate = [&](auto, const Attributes&) { return result; }});
    return message_of<ValueError>([&] { apply(operation, {Tensor({1.0, 2.0})}); });
  };
  EXPECT_EQ(evaluated(Tensor({1.0F})), "evaluated: evaluate gives f32 [1]; infer says f64 []");
  EXPECT_EQ(evaluated(Tensor(1.0)), "nothing was thrown");
  EXPECT_NE(evaluated(Tensor()), "nothing was thrown");
}

}  // namespace
}  // namespace wengert
