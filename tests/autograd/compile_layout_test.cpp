#include <array>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// A matrix that several products read as its transpose is transposed once; one whose rows are far apart is laid out
// once in groups of columns.

namespace wengert {
namespace {

using Function = std::function<Tensors(const Tensor&, const Tensor&)>;

/// How many records of what is replayed are transposes.
std::size_t transposes_in(const std::string& explained) { return occurrences(replayed(explained), "  transpose "); }

/// Eager's bits with them and without; how many transposes there are.
std::size_t transposes_of(const Function& function, const Tensor& a, const Tensor& b) {
  const Programs programs = expect_eager_bits(function, std::array{a, b}, {.lay_out_once = false});
  EXPECT_EQ(transposes_in(programs.without), 0U);
  return transposes_in(programs.with);
}

/// So many products with the transpose of b, or b.
Function products(int count, bool transpose_a = false, bool transpose_b = true) {
  return [=](const Tensor& a, const Tensor& b) {
    Tensors results;
    for (int i = 0; i < count; ++i)
      results.push_back(matmul(a * (1.0 - 0.25 * i), b, {.transpose_a = transpose_a, .transpose_b = transpose_b}));
    return results;
  };
}

TEST(CompiledLayout, GivesTheBitsOfEagerForShapesAroundTheLimits) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const bool transpose_a : {false, true}) {
      for (const std::int64_t m : {1, 15, 16, 64, 65, 300}) {
        for (const std::int64_t n : {1, 15, 16, 17, 40, 130}) {
          for (const std::int64_t k : {1, 2, 8, 9, 257, 600}) {
            const Tensor a = numbers(transpose_a ? Shape{k, m} : Shape{m, k}, 1, dtype), b = numbers({n, k}, 2, dtype);
            const bool is_laid_out = m >= 16 && n >= 16 && k > 1;
            EXPECT_EQ(transposes_of(products(8, transpose_a), a, b), is_laid_out ? 1U : 0U);
          }
        }
      }
    }
  }
}

TEST(CompiledLayout, IsMadeForEightProductsOrMore) {
  const Tensor a = numbers({20, 20}, 1), b = numbers({30, 20}, 2);
  for (const int count : {1, 7, 8, 9}) EXPECT_EQ(transposes_of(products(count), a, b), count < 8 ? 0U : 1U) << count;
}

TEST(CompiledLayout, IsOfOneMatrixSeenInOneShape) {
  const Function function = [](const Tensor& a, const Tensor& b) {
    const Tensor other = reshape(b, {24, 30}), rows = slice(a, {0, 0}, {24, 30});
    Tensors results;
    for (int i = 0; i < 8; ++i) {
      const double factor = 1.0 - 0.25 * i;
      results.push_back(matmul(a * factor, b, {.transpose_b = true}));
      results.push_back(matmul(rows * factor, other, {.transpose_b = true}));
      results.push_back(matmul(a * factor, a * factor, {.transpose_b = true}));
    }
    return results;
  };
  EXPECT_EQ(transposes_of(function, numbers({30, 36}, 1), numbers({20, 36}, 2)), 2U);
}

TEST(CompiledLayout, LeavesBatchesOfMatricesAndIntegersAlone) {
  const Tensor a = numbers({3, 20, 20}, 1, DType::f64), b = numbers({3, 20, 20}, 2, DType::f64);
  EXPECT_EQ(transposes_of(products(8), a, b), 0U);
  // One matrix for all of a batch.
  EXPECT_EQ(transposes_of(products(8), a, numbers({20, 20}, 3, DType::f64)), 1U);
  const Function integers = [](const Tensor& x, const Tensor& y) {
    const Tensor right = cast(y * 100.0, DType::i32);
    Tensors results;
    for (int i = 1; i <= 8; ++i)
      results.push_back(matmul(cast(x * 100.0 * i, DType::i32), right, {.transpose_b = true}));
    return results;
  };
  EXPECT_EQ(transposes_of(integers, numbers({20, 20}, 1, DType::f64), numbers({20, 20}, 2, DType::f64)), 0U);
}

TEST(CompiledLayout, IsThatOfTheWeightsInTheGradientOfARecurrentNet) {
  const Function gradient = [](const Tensor& x, const Tensor& w) {
    Tape tape;
    const Tensor weights = tape.watch(w);
    Tensor h = x;
    for (int i = 0; i < 12; ++i) h = tanh(matmul(h, weights) + x * 0.1);
    return tape.gradient(sum(h * h), Tensors{weights});
  };
  EXPECT_EQ(transposes_of(gradient, numbers({32, 128}, 1), numbers({128, 128}, 2) * 0.2), 1U);
}

/// The same with groups of columns: how many products read them.
std::size_t grouped_of(const Function& function, const Tensor& a, const Tensor& b) {
  const Programs programs = expect_eager_bits(function, std::array{a, b}, {.lay_out_once = false});
  EXPECT_EQ(occurrences(programs.without, "product_by_groups"), 0U);
  return occurrences(replayed(programs.with), " product_by_groups ");
}

constexpr int enough_to_group = 24;

// Rows that are half a page apart or more, on 64 pages or more: here of 512 numbers of f32 and 256 of f64 at least.
TEST(CompiledLayout, OfColumnsInGroupsGivesTheBitsOfEagerForShapesAroundTheLimits) {
  struct Case {
    std::int64_t m, n, k;
    bool is_grouped;
  };
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::int64_t row = dtype == DType::f32 ? 512 : 256, group = row / 8;
    const std::array cases = {
        Case{15, row, 128, false},    Case{16, row, 128, true},      Case{17, row + group, 130, true},
        Case{64, row, 128, true},     Case{65, row, 128, false},     Case{20, row - group, 300, false},
        Case{20, row, 127, false},    Case{20, row + 1, 128, false}, Case{33, 2 * row, 257, true},
        Case{16, 2 * row, 512, true}, Case{16, 2 * row, 513, false}};
    for (const auto& [m, n, k, is_grouped] : cases) {
      const Tensor a = numbers({m, k}, 1, dtype), b = numbers({k, n}, 2, dtype);
      const std::size_t expected = is_grouped ? enough_to_group : 0;
      EXPECT_EQ(grouped_of(products(enough_to_group, false, false), a, b), expected) << m << " x " << n << " x " << k;
    }
  }
}

TEST(CompiledLayout, OfColumnsInGroupsIsAlsoThatOfATransposedMatrix) {
  const Tensor b = numbers({128, 512}, 2), a = numbers({32, 128}, 1);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const Tensor left = ta ? transpose(a) : a, right = tb ? transpose(b) : b;
      EXPECT_EQ(grouped_of(products(enough_to_group, ta, tb), left, right), std::size_t{enough_to_group});
    }
  }
}

// Of a transposed matrix it saves a transposition by each product.
TEST(CompiledLayout, OfColumnsInGroupsIsMadeForEightProductsWithATransposedMatrix) {
  const Tensor a = numbers({32, 128}, 1), b = numbers({512, 128}, 2);
  for (const int count : {7, 8, 23}) {
    const std::size_t expected = count < 8 ? 0 : static_cast<std::size_t>(count);
    EXPECT_EQ(grouped_of(products(count), a, b), expected) << count;
  }
}

TEST(CompiledLayout, OfColumnsInGroupsIsMadeForManyProductsOfMatrices) {
  const Tensor a = numbers({20, 128}, 1), b = numbers({128, 512}, 2);
  EXPECT_EQ(grouped_of(products(enough_to_group - 1, false, false), a, b), 0U);
  const Tensor batch = numbers({2, 20, 128}, 1);
  EXPECT_EQ(grouped_of(products(enough_to_group, false, false), batch, b), 0U);
}

TEST(CompiledLayout, OfColumnsInGroupsIsReadByRowsThatThreadsDivide) {
  const Function function = [](const Tensor& x, const Tensor& w) {
    Tensor h = x;
    for (int i = 0; i < enough_to_group; ++i) {
      const Tensors gates = split(matmul(h, w), 4, 1);
      h = sigmoid(gates[0]) * tanh(gates[1]) + gates[2] * gates[3];
    }
    return Tensors{h};
  };
  const Tensor x = numbers({32, 128}, 1), w = numbers({128, 512}, 2) * 0.2;
  const Programs programs = expect_eager_bits(function, std::array{x, w}, {.lay_out_once = false});
  EXPECT_GT(occurrences(replayed(programs.with), "\n   | "), 0U);
  EXPECT_EQ(occurrences(replayed(programs.with), " product_by_groups "), std::size_t{enough_to_group});
}

}  // namespace
}  // namespace wengert
