#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>

// Reductions of what a pointwise group computes are done by the group, piece by piece.

namespace wengert {
namespace {

using Function = std::function<Tensors(const Tensor&)>;

/// Eager's bits with reductions in groups and without.
void expect_eager_bits(const Function& function, const Tensor& x) {
  expect_eager_bits(function, std::array{x}, {.attach_reductions = false});
}

// Pieces of a long row have 1024 elements of f32 and 512 of f64; eager's chunks, 262144 and 131072.
const std::vector<std::int64_t> lengths{0,    1,    15,   16,   17,   31,     32,     33,     511,    512,    513,
                                        1023, 1024, 1025, 3072, 3105, 131072, 131105, 262143, 262144, 262145, 600031};

TEST(CompiledReduction, OverAllElementsGivesTheBitsOfEager) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t length : lengths) {
      const Tensor x = numbers({length}, 3, dtype);
      expect_eager_bits([](const Tensor& a) { return std::vector{sum(tanh(a) * a + 0.25)}; }, x);
      expect_eager_bits([](const Tensor& a) { return std::vector{mean(square(a)), sum(square(a), {}, true)}; }, x);
      if (length == 0) continue;
      expect_eager_bits(
          [](const Tensor& a) {
            return std::vector{max(a * 3.0), min(a * 3.0), prod(a * 0.001 + 1.0)};
          },
          x);
    }
  }
}

TEST(CompiledReduction, OverSomeAxesGivesTheBitsOfEager) {
  const std::vector<Shape> shapes{{1, 1},     {1, 5000},  {5000, 1}, {3, 7},     {32, 128},    {128, 10},    {257, 129},
                                  {3, 70000}, {70000, 3}, {5, 9000}, {40, 5000}, {100, 2, 33}, {2, 64, 100}, {0, 4}};
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Shape& shape : shapes) {
      const Tensor x = numbers(shape, 3, dtype);
      for (const Ints& axes : {Ints{0}, Ints{-1}, Ints{0, 1}, Ints{-2}}) {
        expect_eager_bits([&](const Tensor& a) { return std::vector{sum(a * sigmoid(a), axes)}; }, x);
        if (x.size() == 0) continue;
        expect_eager_bits(
            [&](const Tensor& a) {
              return std::vector{max(a * 0.5 + 1.0, axes), mean(a * 0.5, axes)};
            },
            x);
      }
    }
  }
}

TEST(CompiledReduction, OverLongColumnsOfSeveralMatricesGivesTheBitsOfEager) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    // Whole chunks of 16 rows or more, and not; chunks of one, of many, of a number with many digits.
    for (const Shape& shape : {Shape{3, 4800, 33}, Shape{2, 10000, 32}, Shape{2, 10001, 32}, Shape{5, 16, 9000}}) {
      const Tensor x = numbers(shape, 3, dtype);
      expect_eager_bits(
          [](const Tensor& a) {
            return std::vector{sum(tanh(a), {1}), max(-a, {1}), prod(a * 0.001 + 1.0, {1}), a * 2.0};
          },
          x);
    }
  }
  auto compiled = compile([](const Tensor& a) { return sum(tanh(a), {1}); });
  compiled(numbers({2, 10000, 32}, 3, DType::f64));
  EXPECT_NE(compiled.explain().find("{tanh sum}"), std::string::npos) << compiled.explain();
}

TEST(CompiledReduction, OverOtherAxesOfASquareIsAnotherKernel) {
  const Function both = [](const Tensor& a) {
    return std::vector{sum(square(cumsum(a, 0)), {0}), sum(square(cumsum(a, 1)), {1})};
  };
  const Tensor x = numbers({128, 128}, 3);
  expect_eager_bits(both, x);
  auto compiled = compile([&](const Tensor& a) { return both(a); });
  compiled(x);
  EXPECT_EQ(occurrences(explain(compiled), "{square sum}"), 2U);
}

TEST(CompiledReduction, OfAxesThatAreNoNeighboursGivesTheBitsOfEager) {
  expect_eager_bits([](const Tensor& a) { return std::vector{sum(exp(a), {0, 2})}; }, numbers({30, 20, 40}, 3));
}

TEST(CompiledReduction, OfIntegersGivesTheBitsOfEager) {
  for (const DType dtype : {DType::i32, DType::i64}) {
    const Tensor x = cast(numbers({10000}, 3, DType::f64) * 100.0, dtype);
    expect_eager_bits([](const Tensor& a) { return std::vector{sum(a * a), prod(a + a), max(a * a), min(a * a)}; }, x);
  }
}

TEST(CompiledReduction, KeepsNotANumberAndSignedZero) {
  const double nan = std::nan("");
  for (const Tensor& x : {Tensor({1.0, nan, 3.0}), Tensor({-0.0, -0.0}), Tensor(-0.0), Tensor({{-0.0}})})
    expect_eager_bits(
        [](const Tensor& a) {
          return std::vector{sum(a * 1.0), max(a * 1.0), sum(a * 1.0, {-1})};
        },
        x.rank() == 0 ? x.reshape({1}) : x);
  expect_eager_bits([](const Tensor& a) { return std::vector{sum(-a)}; }, Tensor(0.0));
}

TEST(CompiledReduction, LeavesWhatIsReadElsewhere) {
  for (const std::int64_t length : {16, 5000, 300000}) {
    expect_eager_bits(
        [](const Tensor& a) {
          const Tensor y = tanh(a) * a;
          return std::vector{sum(y), y, max(y), y.reshape({2, -1}), matmul(y.reshape({1, -1}), y.reshape({-1, 1}))};
        },
        numbers({length}, 3));
  }
}

TEST(CompiledReduction, TakesSeveralValuesOfAGroupAndSeveralReductionsOfAValue) {
  for (const std::int64_t length : {100, 9000, 300000}) {
    expect_eager_bits(
        [](const Tensor& a) {
          const Tensor y = tanh(a), z = y * a;
          return std::vector{sum(y), sum(z), max(z), sum(cast(z > 0.1, a.dtype())), sum(cast(z, DType::i32))};
        },
        numbers({length}, 3));
  }
}

TEST(CompiledReduction, GivesTheBitsOfEagerInGradientsOfGradients) {
  const auto value = [](const Tensor& a) { return mean(sigmoid(a) * a * sum(square(a), {-1}, true)); };
  const auto first = [&](const Tensor& a) { return sum(square(grad(value)(a))); };
  for (const Shape& shape : {Shape{3, 5}, Shape{40, 200}, Shape{300, 100}}) {
    expect_eager_bits(
        [&](const Tensor& a) {
          return std::vector{value(a), grad(value)(a), grad(first)(a)};
        },
        numbers(shape, 3, DType::f64));
  }
}

TEST(CompiledReduction, OfABiasGradientGivesTheBitsOfEager) {
  const Tensor bias = numbers({100}, 3);
  expect_eager_bits(
      [&](const Tensor& a) {
        Tape tape;
        const Tensor b = tape.watch(bias);
        return std::vector{tape.gradient(sum(tanh(a + b) * a), b)};
      },
      numbers({700, 100}, 3));
}

TEST(CompiledReduction, MayBeAnOperationThatWasDefinedOutsideTheLibrary) {
  static const Operation row_products =
      primitive("test_row_products",
                {.differentiable = false,
                 .reduces = {{kernels::Reduction::prod, [](const Shape&, const Attributes&) { return Ints{1}; }}},
                 .infer = [](auto inputs, const Attributes&, auto results) {
                   results[0] = {inputs[0].dtype(), Shape{inputs[0].shape()[0]}};
                 }});
  const auto function = [](const Tensor& x) { return apply(row_products, {square(x)}); };
  auto compiled = compile(function);
  const Tensor x({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  for (int call = 0; call < 2; ++call) EXPECT_TRUE(same_bits(compiled(x), Tensor({36.0, 14400.0})));
  EXPECT_TRUE(same_bits(function(x), Tensor({36.0, 14400.0})));
  EXPECT_NE(explain(compiled).find("{square test_row_products}"), std::string::npos) << explain(compiled);
}

TEST(CompiledReduction, NeedsNoMemoryForWhatIsReduced) {
  const auto function = [](const Tensor& x) { return sum(tanh(x) * x); };
  auto compiled = compile(function), apart = compile(function, {.attach_reductions = false});
  const Tensor x = numbers({100, 1000}, 3);
  compiled(x);
  apart(x);
  const std::string text = explain(compiled), text_apart = explain(apart);
  EXPECT_NE(text.find("replayed, 0 bytes"), std::string::npos) << text;
  EXPECT_NE(text.find("{tanh mul sum}"), std::string::npos) << text;
  EXPECT_NE(text.find("1 records, 4 bytes of results"), std::string::npos) << text;
  EXPECT_NE(text_apart.find("replayed, 400000 bytes"), std::string::npos) << text_apart;
  EXPECT_EQ(occurrences(text_apart, "{tanh mul sum}"), 0U) << text_apart;
}

}  // namespace
}  // namespace wengert
