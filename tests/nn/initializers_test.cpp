#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/initializers.h>

namespace wengert::nn {
namespace {

struct Case {
  const char* name;
  VarianceScaling initializer;
  double variance;  // for a weight [300, 200]
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table{
      {"glorot_uniform", glorot_uniform, 2.0 / 500},
      {"glorot_normal", glorot_normal, 2.0 / 500},
      {"he_uniform", he_uniform, 2.0 / 300},
      {"he_normal", he_normal, 2.0 / 300},
      {"lecun_uniform", lecun_uniform, 1.0 / 300},
      {"lecun_normal", lecun_normal, 1.0 / 300},
      {"fan_out", {.scale = 3, .fan = Fan::out}, 3.0 / 200},
  };
  return table;
}

Tensor drawn(const Initializer& initializer, const Shape& shape, DType dtype = DType::f64, std::uint64_t seed = 1) {
  Generator generator(seed);
  return initializer(shape, generator, dtype);
}

TEST(Initializers, CountFansAsKerasDoes) {
  const auto expect = [](const Shape& shape, std::int64_t in, std::int64_t out) {
    EXPECT_EQ(fans_of(shape).in, in) << to_string(shape);
    EXPECT_EQ(fans_of(shape).out, out) << to_string(shape);
  };
  expect({}, 1, 1);
  expect({7}, 7, 7);
  expect({784, 128}, 784, 128);
  expect({3, 3, 16, 32}, 144, 288);
  expect({5, 2, 3}, 10, 15);
}

TEST(Initializers, HaveTheVarianceOfTheirName) {
  for (const Case& c : cases()) {
    const Tensor weight = drawn(c.initializer, {300, 200});
    double sum = 0;
    double squares = 0;
    for (const double w : weight.data<double>()) {
      sum += w;
      squares += w * w;
    }
    const auto n = static_cast<double>(weight.size());
    // Five standard errors: of the mean √(variance / n), of the variance below √(2 / n) of itself. The seed is fixed.
    EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(c.variance / n)) << c.name;
    EXPECT_NEAR(squares / n / c.variance, 1, 5 * std::sqrt(2 / n)) << c.name;
  }
}

TEST(Initializers, StayWithinTheirLimits) {
  for (const Case& c : cases()) {
    const bool uniform = c.initializer.distribution == Distribution::uniform;
    const double limit = uniform ? std::sqrt(3 * c.variance) : 2 * std::sqrt(c.variance) / 0.87962566103423978;
    double largest = 0;
    for (const double w : drawn(c.initializer, {300, 200}).data<double>()) largest = std::max(largest, std::abs(w));
    EXPECT_LE(largest, limit) << c.name;
    EXPECT_GT(largest, 0.99 * limit) << c.name;
  }
}

TEST(Initializers, RoundTheSameNumbersToEitherDtype) {
  for (const Initializer& initializer :
       {Initializer(glorot_uniform), Initializer(he_normal), Initializer(orthogonal)}) {
    const Tensor wide = drawn(initializer, {6, 5});
    const Tensor narrow = drawn(initializer, {6, 5}, DType::f32);
    for (std::size_t i = 0; i < 30; ++i) {
      EXPECT_EQ(narrow.data<float>()[i], static_cast<float>(wide.data<double>()[i])) << i;
    }
    EXPECT_THROW(drawn(initializer, {2, 2}, DType::i32), DTypeError);
  }
}

TEST(Initializers, AreAFunctionOfTheGenerator) {
  const auto values = [](std::uint64_t seed) {
    const Tensor t = drawn(glorot_normal, {4, 4}, DType::f64, seed);
    return std::vector<double>(t.data<double>().begin(), t.data<double>().end());
  };
  EXPECT_EQ(values(1), values(1));
  EXPECT_NE(values(1), values(2));
}

TEST(Initializers, RefuseAGainThatIsNoNumber) {
  for (const double gain : {static_cast<double>(NAN), static_cast<double>(INFINITY)})
    EXPECT_THROW(drawn(Orthogonal{gain}, {2, 2}), ValueError) << gain;
}

TEST(Initializers, RefuseAScaleThatIsNoVariance) {
  for (const double scale : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    for (const auto distribution : {Distribution::uniform, Distribution::normal})
      EXPECT_THROW(drawn(VarianceScaling{.scale = scale, .distribution = distribution}, {2, 2}), ValueError) << scale;
  }
}

TEST(Initializers, TakeEmptyAndScalarShapes) {
  for (const Case& c : cases()) {
    EXPECT_EQ(drawn(c.initializer, {0, 3}).shape(), (Shape{0, 3})) << c.name;
    EXPECT_EQ(drawn(c.initializer, {}).size(), 1) << c.name;
  }
  EXPECT_EQ(drawn(orthogonal, {0, 3}).shape(), (Shape{0, 3}));
}

TEST(Initializers, OrthogonalGivesOrthonormalRowsOrColumns) {
  for (const Shape& shape : {Shape{5, 5}, Shape{7, 3}, Shape{3, 7}, Shape{2, 2, 3}, Shape{1, 4}}) {
    const std::int64_t columns = shape.back();
    const std::int64_t rows = shape.elements() / columns;
    const Tensor q = drawn(Orthogonal{.gain = 2}, shape);
    const auto data = q.data<double>();
    const std::int64_t kept = std::min(rows, columns);
    const std::int64_t summed = std::max(rows, columns);
    const auto at = [&](std::int64_t vector, std::int64_t k) {
      return data[static_cast<std::size_t>(rows >= columns ? k * columns + vector : vector * columns + k)];
    };
    for (std::int64_t i = 0; i < kept; ++i) {
      for (std::int64_t j = 0; j < kept; ++j) {
        double product = 0;
        for (std::int64_t k = 0; k < summed; ++k) product += at(i, k) * at(j, k);
        EXPECT_NEAR(product, i == j ? 4 : 0, 1e-14) << to_string(shape);  // sums of at most 7 products of order 1
      }
    }
  }
  EXPECT_THROW(drawn(orthogonal, {5}), ShapeError);
}

TEST(Initializers, OrthogonalFavoursNoSign) {
  // Householder's reflections, uncorrected, give first entries of one sign.
  int negative = 0;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    negative += drawn(orthogonal, {3, 3}, DType::f64, seed).data<double>()[0] < 0 ? 1 : 0;
  }
  EXPECT_GT(negative, 12);  // 32 ± 4: five standard deviations
  EXPECT_LT(negative, 52);
}

TEST(Initializers, ConstantsAreOneNumberEverywhere) {
  for (const float v : drawn(nn::constant(0.25), {2, 3}, DType::f32).data<float>()) EXPECT_EQ(v, 0.25F);
  for (const double v : drawn(nn::ones, {4}).data<double>()) EXPECT_EQ(v, 1);
  for (const double v : drawn(nn::zeros, {4}).data<double>()) EXPECT_EQ(v, 0);
}

}  // namespace
}  // namespace wengert::nn
