#include <cmath>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/transforms.h>

namespace wengert {
namespace {

TEST(Transforms, GiveValueAndGradientTogether) {
  const auto [value, gradient] = value_and_grad([](const Tensor& t) { return sum(t * t); })(Tensor({1.0, 2.0}));
  EXPECT_EQ(value.item(), 5.0);
  EXPECT_EQ(values(gradient), (std::vector{2.0, 4.0}));
}

TEST(Transforms, GiveVectorJacobianProducts) {
  const auto product = vjp([](const Tensor& t) { return t * t; });
  EXPECT_EQ(values(product(Tensor({1.0, 2.0}), Tensor({3.0, -1.0}))), (std::vector{6.0, -4.0}));
}

TEST(Transforms, TakeTheFunctionOfTheDesignToItsSecondDerivative) {
  auto f = [](const Tensor& t) { return sum(tanh(t) * t); };
  auto d2f = grad([&](const Tensor& t) { return sum(grad(f)(t)); });
  // (t tanh t)″ = 2 sech² t − 2 t tanh t sech² t; at 0: 2
  EXPECT_EQ(values(d2f(Tensor({0.0}))), (std::vector{2.0}));
}

TEST(Transforms, NestToTheSeventeenthDerivative) {
  for (const Tensor& x : {Tensor({0.5}), linspace(-1, 0.5, 4000, DType::f64)}) {
    std::function<Tensor(const Tensor&)> f = [](const Tensor& t) { return sin(t); };
    for (int order = 0; order < 17; ++order) {
      f = [f](const Tensor& t) { return grad([&](const Tensor& u) { return sum(f(u)); })(t); };
    }
    // Factors of 1 and −1 are exact: what rounds are two cosines, and to a place of 1.1e-16 each.
    EXPECT_NEAR(values(f(x)).back(), std::cos(0.5), 2.3e-16);
  }
}

// (x₀² x₁, x₁ x₂³): its Jacobian is known.
Tensor two_of_three(const Tensor& x) {
  const auto at = [&](int i) { return slice(x, {i}, {i + 1}); };
  return concat({square(at(0)) * at(1), at(1) * square(at(2)) * at(2)});
}

TEST(Transforms, GiveTheJacobianRowByRow) {
  const Tensor x({2.0, 3.0, -1.0}), j = jacobian(two_of_three)(x);
  EXPECT_EQ(j.shape(), Shape({2, 3}));
  EXPECT_EQ(values(j), (std::vector{12.0, 4.0, 0.0, 0.0, -1.0, 9.0}));
}

TEST(Transforms, GiveProductsWithTheJacobianFromBothSides) {
  const Tensor x({2.0, 3.0, -1.0}), v({1.0, -2.0, 0.5}), u({2.0, -1.0}), j = jacobian(two_of_three)(x);
  EXPECT_EQ(values(jvp(two_of_three)(x, v)), values(sum(j * v, {1})));
  EXPECT_EQ(values(vjp(two_of_three)(x, u)), values(sum(transpose(j) * u, {1})));
}

TEST(Transforms, GiveAJacobianTheAxesOfBoth) {
  const Tensor x = random_tensor({2, 3}, 1, DType::f64), w = random_tensor({3, 4}, 2, DType::f64);
  const auto f = [&](const Tensor& t) { return tanh(matmul(t, w)); };
  const Tensor j = jacobian(f)(x);
  EXPECT_EQ(j.shape(), Shape({2, 4, 2, 3}));
  const Tensor v = random_tensor({2, 3}, 3, DType::f64);
  const std::vector<double> along = values(sum(j * v, {2, 3})), product = values(jvp(f)(x, v));
  for (std::size_t i = 0; i < along.size(); ++i) EXPECT_NEAR(along[i], product[i], 1e-15);  // sums of six

  EXPECT_EQ(jacobian([](const Tensor& t) { return slice(t, {0}, {0}); })(Tensor({1.0, 2.0})).shape(), Shape({0, 2}));
  EXPECT_EQ(jacobian([](const Tensor& t) { return t; })(Tensor(2.0)).item(), 1);
  EXPECT_THROW(jacobian([](const Tensor& t) { return t; })(ones({1, 1, 1, 1, 1})), ShapeError);
}

// f = x₀² x₁ + sin(x₀ x₁)
Tensor curved(const Tensor& x) {
  const Tensor a = slice(x, {0}, {1}), b = slice(x, {1}, {2});
  return sum(square(a) * b + sin(a * b));
}

TEST(Transforms, GiveTheHessianAndProductsWithIt) {
  const Tensor x({0.7, -1.3}), h = hessian(curved)(x);
  const double a = 0.7, b = -1.3, sine = std::sin(a * b), cosine = std::cos(a * b);
  const std::vector<double> expected{2 * b - b * b * sine, 2 * a + cosine - a * b * sine, 2 * a + cosine - a * b * sine,
                                     -a * a * sine};
  EXPECT_EQ(h.shape(), Shape({2, 2}));
  // Three terms below 3, of some five roundings of 1.1e-16 each, on either side.
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(values(h)[i], expected[i], 1e-14);
  const Tensor v({2.0, -0.5});
  const std::vector<double> product = values(hvp(curved)(x, v)), by_matrix = values(sum(h * v, {1}));
  for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(product[i], by_matrix[i], 2e-14);  // of these, v makes twice as much
}

TEST(Transforms, NestAndStandInCompiledFunctions) {
  const auto trace = [](const Tensor& x) { return sum(hessian(curved)(x) * Tensor({{1.0, 0.0}, {0.0, 1.0}})); };
  const auto along = [](const Tensor& x) { return jvp(two_of_three)(x, sin(x)); };
  EXPECT_TRUE(gradcheck(trace, Tensor({0.7, -1.3})).passed);
  EXPECT_TRUE(gradcheck(along, Tensor({0.7, -1.3, 0.4}), {.order = 2}).passed);
  const auto compiled = compile(trace);
  for (const Tensor& x : {Tensor({0.7, -1.3}), Tensor({0.1, 0.2}), Tensor({-3.0, 1.0})})
    EXPECT_TRUE(same_bits(compiled(x), trace(x)));
}

TEST(Transforms, TellWhatDoesNotFit) {
  EXPECT_THROW(jvp(two_of_three)(Tensor({1.0, 2.0, 3.0}), Tensor({1.0, 2.0})), ShapeError);
  EXPECT_THROW(hessian(two_of_three)(Tensor({1.0, 2.0, 3.0})), Error);  // not scalar
}

}  // namespace
}  // namespace wengert
