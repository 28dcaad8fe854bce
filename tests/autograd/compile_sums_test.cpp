#include <array>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Products that are added up one by one are computed and added by one record.

namespace wengert {
namespace {

using Function = std::function<Tensors(const Tensor&, const Tensor&)>;

/// How many records of what is replayed are sums of products.
std::size_t sums_in(const std::string& program) { return occurrences(program, "sum_of_products"); }

/// The number that `explain` prints before some words.
std::size_t number_before(const std::string& program, const std::string& words) {
  const std::size_t end = program.find(words), begin = program.rfind(' ', end - 2);
  return std::stoul(program.substr(begin + 1, end - begin - 1));
}

/// Eager's bits with sums of products and without; gives both programs.
Programs expect_eager_bits(const Function& function, const Tensor& a, const Tensor& b) {
  const Programs programs = expect_eager_bits(function, std::array{a, b}, {.gather_products = false});
  EXPECT_EQ(sums_in(programs.without), 0U);
  return programs;
}

/// Operands of so many products: elements differ, shapes do not.
Tensor operand(const Tensor& x, int i) { return x * (1.0 - 0.25 * i); }

/// A product, a sum that has it on the right, one that has it on the left, and so on.
Tensor sum_of(const Tensor& a, const Tensor& b, int products, const MatmulOptions& options = {}) {
  Tensor total = matmul(a, b, options);
  for (int i = 1; i < products; ++i) {
    const Tensor product = matmul(operand(a, i), operand(b, i), options);
    total = i % 2 == 0 ? total + product : product + total;
  }
  return total;
}

/// The sum of five products, and whether it is gathered where the kernel can do so.
void expect_sum(std::int64_t m, std::int64_t n, std::int64_t k, DType dtype, const MatmulOptions& options) {
  const Function function = [&](const Tensor& a, const Tensor& b) { return Tensors{sum_of(a, b, 5, options)}; };
  const Tensor a = numbers(options.transpose_a ? Shape{k, m} : Shape{m, k}, 1, dtype);
  const Tensor b = numbers(options.transpose_b ? Shape{n, k} : Shape{k, n}, 2, dtype);
  const bool is_in_rows = !options.transpose_b || k == 1;
  const bool can = k >= 1 && k <= 256 && ((m >= 16 && n >= 16) || (k <= 8 && is_in_rows && m > 3 && n > 1));
  EXPECT_EQ(sums_in(expect_eager_bits(function, a, b).with) > 0, can) << "k = " << k;
}

TEST(CompiledSum, GivesTheBitsOfEagerForEverySmallShape) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (std::int64_t m = 1; m <= 17; ++m) {
      for (std::int64_t n = 1; n <= 17; ++n) {
        for (const std::int64_t k : {1, 2, 8, 9}) expect_sum(m, n, k, dtype, {.transpose_a = m % 2 == 0});
      }
    }
  }
}

TEST(CompiledSum, GivesTheBitsOfEagerInEveryLayout) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const std::int64_t k : {0, 1, 5, 8, 9, 32, 255, 256, 257}) {
          for (const auto& [m, n] : std::vector<std::pair<std::int64_t, std::int64_t>>{{16, 16}, {31, 50}, {130, 33}})
            expect_sum(m, n, k, dtype, {transpose_a, transpose_b});
        }
      }
    }
  }
}

TEST(CompiledSum, GivesTheBitsOfEagerWhereThreadsDivideIt) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t k : {1, 7, 32, 100}) {
      expect_sum(300, 515, k, dtype, {.transpose_a = true});
      expect_sum(515, 300, k, dtype, {});
    }
  }
}

TEST(CompiledSum, KeepsInfinitiesNaNsAndTheSignsOfZeros) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  // Products too small for the type are −0 and 0, and 0 · ∞ and ∞ − ∞ are NaN.
  const std::vector<double> special{0.0, -0.0, 1e-200, -1e-200, inf, -inf, 1.0, -1.0, 1e-30, -1e-30};
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t k : {1, 2, 9}) {
      const auto made = [&](const Shape& shape, std::size_t step) {
        std::vector<double> elements;
        for (std::int64_t i = 0; i < shape.elements(); ++i)
          elements.push_back(special[static_cast<std::size_t>(i) * step % (k == 1 ? special.size() : 4)]);
        return cast(Tensor(elements, shape), dtype);
      };
      const Function function = [](const Tensor& a, const Tensor& b) {
        return Tensors{sum_of(a, b, 3), a * 0.0 + sum_of(a, b, 4), sum_of(-a, b, 3) + -0.0};
      };
      // Of one shape with A, so that the sum may be added to it.
      const Tensor a = made({20, k == 1 ? 1 : 20}, 3), b = made({k == 1 ? 1 : 20, 20}, 1);
      EXPECT_GE(sums_in(expect_eager_bits(function, a, b).with), 2U);
    }
  }
}

TEST(CompiledSum, IsAddedToWhatCameBefore) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor a = numbers({20, 20}, 1, dtype), b = numbers({20, 20}, 2, dtype);
    // Negative zeros, which adding to 0 would lose.
    const Function function = [](const Tensor& x, const Tensor& y) {
      Tensor total = x * 0.0;
      for (int i = 0; i < 4; ++i) total = total + matmul(operand(x, i), operand(y, i));
      return Tensors{total};
    };
    EXPECT_EQ(sums_in(expect_eager_bits(function, a, b).with), 1U);
    // Products of another shape go on from the sum.
    const Function two_kinds = [](const Tensor& x, const Tensor& y) {
      Tensor total = sum_of(x, y, 4);
      for (int i = 0; i < 4; ++i)
        total = matmul(slice(operand(x, i), {0, 3}, {20, 8}), slice(operand(y, i), {3, 0}, {8, 20})) + total;
      return Tensors{total};
    };
    EXPECT_EQ(sums_in(expect_eager_bits(two_kinds, a, b).with), 2U);
  }
}

TEST(CompiledSum, GathersNothingThatIsReadElsewhere) {
  const Tensor a = numbers({20, 20}, 1), b = numbers({20, 20}, 2);
  const Function shows_products = [](const Tensor& x, const Tensor& y) {
    Tensors results;
    Tensor total = x;
    for (int i = 0; i < 5; ++i) {
      results.push_back(matmul(operand(x, i), y));
      total = total + results.back();
    }
    results.push_back(total);
    return results;
  };
  EXPECT_EQ(sums_in(expect_eager_bits(shows_products, a, b).with), 0U);
  const Function shows_sums = [](const Tensor& x, const Tensor& y) {
    Tensors results{x};
    for (int i = 0; i < 5; ++i) results.push_back(results.back() + matmul(operand(x, i), y));
    return results;
  };
  EXPECT_EQ(sums_in(expect_eager_bits(shows_sums, a, b).with), 0U);
  // Two ends of one sum.
  const Function shows_one = [](const Tensor& x, const Tensor& y) {
    const Tensor first = sum_of(x, y, 4);
    Tensor total = first;
    for (int i = 4; i < 8; ++i) total = total + matmul(operand(x, i), y);
    return Tensors{tanh(first), total};
  };
  EXPECT_EQ(sums_in(expect_eager_bits(shows_one, a, b).with), 2U);
}

TEST(CompiledSum, IsOfThreeProductsOrMoreAndOfOneShape) {
  const Tensor a = numbers({20, 20}, 1), b = numbers({20, 20}, 2);
  for (const int products : {2, 3}) {
    const Function function = [&](const Tensor& x, const Tensor& y) { return Tensors{sum_of(x, y, products)}; };
    EXPECT_EQ(sums_in(expect_eager_bits(function, a, b).with), products == 3 ? 1U : 0U);
  }
  const Function stretched = [](const Tensor& x, const Tensor& y) {
    Tensor total = reshape(x, {20, 1, 20});
    for (int i = 0; i < 4; ++i) total = total + matmul(operand(x, i), y);
    return Tensors{total};
  };
  EXPECT_EQ(sums_in(expect_eager_bits(stretched, a, b).with), 0U);
  const Function batches = [](const Tensor& x, const Tensor& y) {
    return Tensors{sum_of(reshape(x, {5, 4, 20}), reshape(y, {5, 20, 4}), 4)};
  };
  EXPECT_EQ(sums_in(expect_eager_bits(batches, a, b).with), 0U);
  const Function integers = [](const Tensor& x, const Tensor& y) {
    const Tensor whole = cast(x * 100.0, DType::i32), other = cast(y * 100.0, DType::i32);
    Tensor total = matmul(whole, other);
    for (int i = 0; i < 4; ++i) total = total + matmul(total, other);
    return Tensors{total};
  };
  EXPECT_EQ(sums_in(expect_eager_bits(integers, a, b).with), 0U);
}

/// The gradient of a recurrent net in its weights.
Function recurrent(int steps) {
  return [steps](const Tensor& x, const Tensor& w) {
    Tape tape;
    const Tensor weights = tape.watch(w);
    Tensor h = x;
    for (int i = 0; i < steps; ++i) h = tanh(matmul(h, weights) + x * 0.1);
    return tape.gradient(sum(h * h), Tensors{weights});
  };
}

TEST(CompiledSum, IsTheGradientOfARecurrentNetInPartsThatKeepLittleAlive) {
  // One row, and many.
  for (const Tensor& x : {numbers({1, 10}, 1, DType::f64), numbers({40, 200}, 1)}) {
    const Tensor w = numbers({x.shape()[1], x.shape()[1]}, 2, x.dtype()) * 0.2;
    const auto [gathered, apart] = expect_eager_bits(recurrent(300), x, w);
    EXPECT_GE(sums_in(gathered), 2U);
    EXPECT_LE(sums_in(gathered), 60U);
    EXPECT_LE(number_before(gathered, "bytes of memory planned"), number_before(apart, "bytes of memory planned"));
  }
}

TEST(CompiledSum, IsExplainedInALineThatNamesSomeOfItsOperands) {
  const auto programs =
      expect_eager_bits(recurrent(100), numbers({1, 10}, 1, DType::f64), numbers({10, 10}, 2, DType::f64));
  EXPECT_NE(programs.with.find(" and 196 more\n"), std::string::npos) << programs.with;
}

}  // namespace
}  // namespace wengert
