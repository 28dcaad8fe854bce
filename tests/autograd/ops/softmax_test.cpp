#include <cmath>
#include <cstdint>
#include <iomanip>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/plain.h>
#include <support/tensors.h>

#include <wengert/autograd/autograd.h>
#include <wengert/autograd/logits.h>

// Against the definitions in long double, with its 64 bits; where those would cancel, against the same in a form that
// does not.

namespace wengert {
namespace {

using plain::at;
using plain::Index;

template <typename T>
constexpr T infinity = std::numeric_limits<T>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Numbers uniform on [−1, 1).
template <typename T>
Tensor random(const Shape& shape, std::uint64_t seed = 0) {
  return random_tensor(shape, seed, dtype_of<T>) * 2.5 - 1.25;
}

/// Within `bound` of what was expected.
testing::AssertionResult is_near(long double found, long double expected, long double bound) {
  if (found == expected || std::abs(found - expected) <= bound) return testing::AssertionSuccess();
  return testing::AssertionFailure() << std::setprecision(20) << found << ", expected " << expected << " ± " << bound;
}

template <typename T>
class Softmax : public testing::Test {};
using Floating = testing::Types<float, double>;
TYPED_TEST_SUITE(Softmax, Floating);

template <typename T>
constexpr long double epsilon = std::numeric_limits<T>::epsilon();

/// The entries along an axis through an index.
template <typename T>
std::vector<long double> row_through(const Tensor& x, Index index, std::size_t axis) {
  std::vector<long double> row;
  for (index[axis] = 0; index[axis] < x.shape()[axis]; ++index[axis])
    row.push_back(static_cast<long double>(at<T>(x, index)));
  return row;
}

/// −ln softmax(row)ⱼ = ln(1 + Σ_{i≠j} e^(xᵢ−xⱼ)): to full relative accuracy, for nothing cancels.
long double surprisal(const std::vector<long double>& row, std::size_t j) {
  long double others = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i != j) others += std::exp(row[i] - row[j]);
  }
  return std::log1p(others);
}

/// Rows of many lengths along every axis, wide tiles and slabs among them.
const std::vector<Shape>& row_shapes() {
  static const std::vector<Shape> instance = {{1},      {2},         {10},       {32, 10},     {3, 1},      {5, 33},
                                              {3, 400}, {1, 1100},   {7, 16, 3}, {2, 3, 4, 5}, {2, 200, 7}, {0, 4},
                                              {4, 0},   {300, 1, 2}, {500, 10},  {45, 100}};
  return instance;
}

template <typename T, typename Check>
void for_each_entry(double scale, Check check) {
  for (const Shape& shape : row_shapes()) {
    const Tensor x = random<T>(shape) * scale;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      SCOPED_TRACE(to_string(shape) + " along " + std::to_string(axis) + ", scale " + std::to_string(scale));
      check(x, axis);
    }
  }
}

TYPED_TEST(Softmax, IsAccurateAlongEveryAxis) {
  using T = TypeParam;
  for (const double scale : {1.0, 20.0, 80.0}) {
    for_each_entry<T>(scale, [&](const Tensor& x, std::size_t axis) {
      const Tensor p = softmax(x, static_cast<std::int64_t>(axis));
      ASSERT_EQ(p.shape(), x.shape());
      // A difference of logits is rounded once, and its exponential as often off as it is large.
      const long double bound = (2 * scale + 30) * epsilon<T>;
      plain::for_each_index(x.shape(), [&](const Index& index) {
        const long double expected =
            std::exp(-surprisal(row_through<T>(x, index, axis), static_cast<std::size_t>(index[axis])));
        const long double tiny = std::numeric_limits<T>::min();
        ASSERT_TRUE(is_near(at<T>(p, index), expected, bound * expected + tiny));
      });
    });
  }
}

TYPED_TEST(Softmax, HasALogarithmWithoutLossOfDigits) {
  using T = TypeParam;
  for (const double scale : {1.0, 20.0, 400.0}) {
    for_each_entry<T>(scale, [&](const Tensor& x, std::size_t axis) {
      const Tensor y = log_softmax(x, static_cast<std::int64_t>(axis));
      plain::for_each_index(x.shape(), [&](const Index& index) {
        const long double expected = -surprisal(row_through<T>(x, index, axis), static_cast<std::size_t>(index[axis]));
        // Of differences up to 2 · scale, which are rounded once before they are exponentiated.
        const long double bound = (2 * scale + 30) * epsilon<T> * std::abs(expected);
        ASSERT_TRUE(is_near(at<T>(y, index), expected, bound + std::numeric_limits<T>::min()));
      });
    });
  }
}

TYPED_TEST(Softmax, KeepsTheDigitsOfProbabilitiesCloseToOne) {
  using T = TypeParam;
  const Tensor x = cast(Tensor({{30.0, -30.0, -40.0}}), dtype_of<T>);
  const long double expected = surprisal({30, -30, -40}, 0);  // 8.76e-27, where 1 − p is 0
  EXPECT_TRUE(is_near(-log_softmax(x).template data<T>()[0], expected, 4 * epsilon<T> * expected));
  EXPECT_TRUE(is_near(softmax_cross_entropy(x, Tensor({0})).item(), expected, 4 * epsilon<T> * expected));
  const Tensor t = cast(Tensor({{1.0, 0.0, 0.0}}), dtype_of<T>);
  EXPECT_TRUE(is_near(softmax_cross_entropy(x, t).item(), expected, 4 * epsilon<T> * expected));
}

TYPED_TEST(Softmax, CountsEqualLogitsOneByOne) {
  using T = TypeParam;
  for (const std::int64_t n : {2, 10, 40}) {
    for (const Shape& shape : {Shape{3, n}, Shape{3, n, 2}}) {
      const Tensor logs = log_softmax(zeros(shape, dtype_of<T>), 1);
      const long double expected = -std::log(static_cast<long double>(n));
      for (const T found : logs.template data<T>())
        ASSERT_TRUE(is_near(found, expected, -2 * epsilon<T> * expected)) << to_string(shape);
    }
  }
}

TYPED_TEST(Softmax, NeitherOverflowsNorUnderflowsToNaN) {
  using T = TypeParam;
  const double huge = std::numeric_limits<T>::max();
  const Tensor x = cast(Tensor({{huge, -huge}, {huge, huge}, {-huge, -huge}}), dtype_of<T>);
  EXPECT_TRUE(same_bits(softmax(x), cast(Tensor({{1.0, 0.0}, {0.5, 0.5}, {0.5, 0.5}}), dtype_of<T>)));
  EXPECT_EQ(log_softmax(x).template data<T>()[0], 0);
  EXPECT_EQ(log_softmax(x).template data<T>()[1], -infinity<T>) << "−2 huge is beyond the range";
  EXPECT_EQ(softmax_cross_entropy(x, Tensor({0, 0, 1})).template data<T>()[0], 0);
}

TYPED_TEST(Softmax, TreatsInfinityAndNaNAsDocumented) {
  using T = TypeParam;
  const double inf = infinity<double>;
  const Tensor x = cast(Tensor({{0.0, -inf, 0.0}, {-inf, -inf, -inf}, {inf, 0.0, 1.0}, {nan, 0.0, 1.0}}), dtype_of<T>);
  const Tensor p = softmax(x), logs = log_softmax(x), losses = softmax_cross_entropy(x, Tensor({0, 0, 1, 1}));
  EXPECT_TRUE(same_bits(take(p, Tensor(0)), cast(Tensor({0.5, 0.0, 0.5}), dtype_of<T>)));
  EXPECT_EQ(logs.template data<T>()[1], -infinity<T>);
  EXPECT_NEAR(losses.template data<T>()[0], std::log(2.0), 2 * static_cast<double>(epsilon<T>));
  for (std::size_t row = 1; row < 4; ++row) {
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_TRUE(std::isnan(p.template data<T>()[3 * row + j])) << row;
      EXPECT_TRUE(std::isnan(logs.template data<T>()[3 * row + j])) << row;
    }
    EXPECT_TRUE(std::isnan(losses.template data<T>()[row])) << row;
  }
  EXPECT_EQ(softmax_cross_entropy(x, Tensor({1, 0, 0, 0})).template data<T>()[0], infinity<T>);

  const Tensor of_nothing = softmax_cross_entropy(x, zeros({4, 3}, dtype_of<T>));
  EXPECT_EQ(of_nothing.template data<T>()[0], 0);
  for (std::size_t row = 1; row < 4; ++row) EXPECT_TRUE(std::isnan(of_nothing.template data<T>()[row])) << row;
}

TYPED_TEST(Softmax, GivesARowTheSameBitsAloneAndAmongOthers) {
  using T = TypeParam;
  const Tensor x = random<T>({200, 37});
  const Tensor p = softmax(x), logs = log_softmax(x);
  for (const int row : {0, 1, 100, 199}) {
    EXPECT_TRUE(same_bits(softmax(take(x, Tensor({row}))), take(p, Tensor({row}))));
    EXPECT_TRUE(same_bits(log_softmax(take(x, Tensor({row}))), take(logs, Tensor({row}))));
  }
}

template <typename T>
std::vector<T> elements(const Tensor& x) {
  return {x.data<T>().begin(), x.data<T>().end()};
}

TYPED_TEST(Softmax, HasACrossEntropyOfLabelsOfEveryWidth) {
  using T = TypeParam;
  for (const std::int64_t classes : {1, 2, 10, 1000}) {
    const Tensor x = random<T>({32, classes}) * 30.0;
    const Tensor labels = plain::tensor_of({32}, DType::i64, [&](const Index& i) { return i[0] * 7 % classes; });
    const Tensor losses = softmax_cross_entropy(x, labels);
    ASSERT_EQ(losses.shape(), Shape{32});
    for (std::int64_t row = 0; row < 32; ++row) {
      const auto label = static_cast<std::size_t>(at<std::int64_t>(labels, {row}));
      const long double expected = surprisal(row_through<T>(x, {row, 0}, 1), label);
      EXPECT_TRUE(is_near(at<T>(losses, {row}), expected, 90 * epsilon<T> * expected));
    }
    EXPECT_TRUE(same_bits(softmax_cross_entropy(x, cast(labels, DType::i32)), losses));
    if (classes > 256) continue;
    EXPECT_TRUE(same_bits(softmax_cross_entropy(x, cast(labels, DType::u8)), losses));
  }
}

TYPED_TEST(Softmax, HasACrossEntropyOfRowsOfProbabilities) {
  using T = TypeParam;
  const Tensor x = random<T>({90, 70}) * 30.0, t = abs(random<T>({90, 70}, 1));
  const Tensor losses = softmax_cross_entropy(x, t);
  for (std::int64_t row = 0; row < 90; ++row) {
    const auto logits = row_through<T>(x, {row, 0}, 1), weights = row_through<T>(t, {row, 0}, 1);
    long double expected = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) expected += weights[j] * surprisal(logits, j);
    EXPECT_TRUE(is_near(at<T>(losses, {row}), expected, 90 * epsilon<T> * expected));
  }
  const Tensor labels = argmax(t);
  EXPECT_TRUE(same_bits(softmax_cross_entropy(x, one_hot(labels, 70, dtype_of<T>)), softmax_cross_entropy(x, labels)));
}

TEST(SoftmaxCrossEntropy, HasTheGradientProbabilityMinusTarget) {
  const Tensor logits = random<double>({5, 4}), labels({3, 0, 0, 2, 1});
  const Tensor t = softmax(random<double>({5, 4}, 1));
  const auto gradient = [&](const Tensor& targets) {
    Tape tape;
    const Tensor x = tape.watch(logits);
    return tape.gradient(sum(softmax_cross_entropy(x, targets)), x);
  };
  EXPECT_TRUE(same_bits(gradient(labels), softmax(logits) - one_hot(labels, 4, DType::f64)));
  EXPECT_LT(max(abs(gradient(t) - (softmax(logits) - t))).item(), 1e-15);
}

TEST(SoftmaxCrossEntropy, IgnoresImpossibleClassesOfWeightZero) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({{0.0, -infinity<double>, 0.0}}));
  const Tensor loss = sum(softmax_cross_entropy(x, Tensor({{0.5, 0.0, 0.5}})));
  EXPECT_NEAR(loss.item(), std::log(2.0), 1e-15);
  EXPECT_TRUE(same_bits(tape.gradient(loss, x), Tensor({{0.0, 0.0, 0.0}})));
}

TEST(SoftmaxCrossEntropy, OfNoRowsIsEmpty) {
  EXPECT_EQ(softmax_cross_entropy(zeros({0, 3}), zeros({0}, DType::i64)).shape(), Shape{0});
  EXPECT_EQ(softmax_cross_entropy(zeros({0, 3}), zeros({0, 3})).shape(), Shape{0});
}

TEST(SoftmaxLogits, AreCarriedAlongTheLastAxisAloneAndByNothingComputedFromThem) {
  const Tensor x = random<double>({4, 1});
  EXPECT_TRUE(same_bits(traced_logits(softmax(x)), x));
  EXPECT_TRUE(same_bits(traced_logits(softmax(x, 1)), x));
  EXPECT_FALSE(traced_logits(softmax(x, 0)).defined());
  EXPECT_FALSE(traced_logits(softmax(x) * 1.0).defined());
  EXPECT_FALSE(traced_logits(x).defined());
}

TEST(SoftmaxLogits, AreReplacedWhereACompiledFunctionRunsAgain) {
  auto f = compile([](const Tensor& x) { return softmax(x) * 2.0; });
  for (int run = 0; run < 3; ++run) {
    const Tensor x = random<double>({4, 3}, static_cast<std::uint64_t>(run));
    EXPECT_TRUE(same_bits(f(x), softmax(x) * 2.0));
  }
}

}  // namespace
}  // namespace wengert
