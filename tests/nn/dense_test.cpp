#include <cmath>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

Dense layer_with(const Tensor& weight, const Tensor& bias, const Activation& activation = {}) {
  Dense layer{weight.shape()[0], weight.shape()[1], activation, {.dtype = DType::f64}};
  layer.weight().assign(weight);
  layer.bias()->assign(bias);
  return layer;
}

const Tensor weight({{1.0, 2.0, -1.0}, {0.5, -3.0, 4.0}});
const Tensor bias({0.25, -0.5, 1.0});

TEST(Dense, IsTheProductWithTheWeightPlusTheBias) {
  Dense layer = layer_with(weight, bias);
  EXPECT_EQ(values(layer(Tensor({{2.0, 4.0}, {-1.0, 0.0}}))), (std::vector<double>{4.25, -8.5, 15, -0.75, -2.5, 2}));
}

TEST(Dense, AppliesItsActivation) {
  Dense layer = layer_with(weight, bias, nn::relu);
  EXPECT_EQ(values(layer(Tensor({2.0, 4.0}, {1, 2}))), (std::vector<double>{4.25, 0, 15}));
  EXPECT_EQ(layer.activation().name(), "relu");
}

TEST(Dense, TakesAnyNumberOfAxesBeforeTheLast) {
  Dense layer = layer_with(weight, bias);
  const Tensor x({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}, {2, 2, 2});
  const Tensor y = layer(x);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(values(y), values(layer(x.reshape({4, 2}))));
}

TEST(Dense, TakesAnEmptyBatch) {
  Dense layer = layer_with(weight, bias);
  EXPECT_EQ(layer(wengert::zeros({0, 2}, DType::f64)).shape(), (Shape{0, 3}));
}

TEST(Dense, StartsWithAZeroBiasAndWeightsWithinGlorotsLimit) {
  Dense layer{100, 50};
  const Tensor drawn = layer.weight();
  const float limit = std::sqrt(6.0F / 150);
  float largest = 0;
  for (const float w : drawn.data<float>()) largest = std::max(largest, std::abs(w));
  EXPECT_LE(largest, limit);
  EXPECT_GT(largest, 0.99F * limit);  // of 5000 numbers one is nearer than 1 %: all but certain, and the seed is fixed
  for (const float b : layer.bias()->value().data<float>()) EXPECT_EQ(b, 0);
}

TEST(Dense, FollowsItsOptions) {
  Dense layer{2, 3, nn::linear, {.initializer = nn::ones, .bias_initializer = nn::constant(0.5), .dtype = DType::f64}};
  EXPECT_EQ(values(layer(Tensor({1.0, 2.0}, {1, 2}))), (std::vector<double>{3.5, 3.5, 3.5}));
  Dense bare{2, 3, {}, {.bias = false}};
  EXPECT_FALSE(bare.bias().has_value());
  EXPECT_EQ(bare.parameters().size(), 1U);
}

TEST(Dense, HasTheGradientOfItsFormula) {
  Dense layer = layer_with(weight, bias, nn::sigmoid);
  const Tensor x({{0.5, -1.0}, {2.0, 0.25}});
  EXPECT_TRUE(gradcheck([&](const Tensor& t) { return layer(t); }, x).passed);
  // By its parameters: what the formula gives, of which each operation is checked.
  Tape tape;
  const Tensor w = tape.watch(weight), b = tape.watch(bias);
  const Gradients of_layer = tape.gradient(sum(layer(x) * layer(x)));
  const auto of_formula = [&] {
    const Tensor y = wengert::sigmoid(matmul(x, w) + b);
    return tape.gradient(sum(y * y), {w, b});
  }();
  EXPECT_EQ(values(of_layer[layer.weight()]), values(of_formula[0]));
  EXPECT_EQ(values(of_layer[*layer.bias()]), values(of_formula[1]));
}

TEST(Dense, SaysWhichShapeItExpects) {
  Dense layer{784, 128};
  EXPECT_EQ(message_of<ShapeError>([&] {
              layer(wengert::zeros({32, 100}));
            }),
            "dense: input [32, 100] does not fit the weight [784, 128]; expected [batch, 784]");
  EXPECT_THROW(layer(wengert::zeros({784})), ShapeError);
  EXPECT_THROW(layer(wengert::zeros({2, 784}, DType::f64)), DTypeError);
}

TEST(Dense, RefusesWhatCannotBeALayer) {
  EXPECT_EQ(message_of<ValueError>([] { Dense(0, 3); }), "dense: 0 inputs and 3 outputs; expected 1 or more of both");
  EXPECT_THROW(Dense(3, -1), ValueError);
  EXPECT_EQ(message_of<DTypeError>([] { Dense(2, 2, {}, {.dtype = DType::i32}); }),
            "dense: parameters are f32 or f64, not i32");
  const std::string empty = "dense: an initializer is empty; leave it out for the usual one, or give nn::zeros";
  EXPECT_EQ(message_of<ValueError>([] { Dense(2, 2, {}, {.initializer = {}}); }), empty);
  EXPECT_EQ(message_of<ValueError>([] { Dense(2, 2, {}, {.bias_initializer = {}}); }), empty);
}

TEST(Flatten, KeepsTheBatchAndJoinsTheRest) {
  Flatten flatten;
  EXPECT_EQ(flatten(wengert::zeros({2, 3, 4})).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(wengert::zeros({5})).shape(), (Shape{5, 1}));
  EXPECT_EQ(flatten(wengert::zeros({0, 3, 4})).shape(), (Shape{0, 12}));
  EXPECT_THROW(flatten(Tensor(1.0)), ShapeError);
}

}  // namespace
}  // namespace wengert::nn
