#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

// A matrix in memory, rows × columns as seen after transposition, with `gap` unused elements between its rows and none
// after the last, so that a sanitizer sees every read beyond the end.
template <typename T>
struct Matrix {
  Matrix(std::size_t rows, std::size_t columns, bool is_transposed, std::size_t gap, T filler)
      : transposed(is_transposed), leading((is_transposed ? rows : columns) + gap) {
    const std::size_t lines = is_transposed ? columns : rows;
    if (rows * columns > 0) elements.assign(lines * leading - gap, filler);
  }
  T& at(std::size_t i, std::size_t j) { return elements[transposed ? j * leading + i : i * leading + j]; }
  MatrixView view() const { return {elements.data(), static_cast<std::int64_t>(leading), transposed}; }

  bool transposed;
  std::size_t leading;
  std::vector<T> elements;
};

std::int64_t size(std::size_t x) { return static_cast<std::int64_t>(x); }

template <typename T>
void multiply(std::size_t m, std::size_t n, std::size_t k, const Matrix<T>& a, const Matrix<T>& b, Matrix<T>& c) {
  gemm(dtype_of<T>, size(m), size(n), size(k), a.view(), b.view(), c.elements.data(), size(c.leading));
}

template <typename T>
T random_element(std::mt19937_64& random) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::uniform_real_distribution<T>(-1, 1)(random);
  } else {
    return static_cast<T>(random());  // the whole range: products and sums wrap
  }
}

template <typename T>
Matrix<T> random_matrix(std::size_t rows, std::size_t columns, bool transposed, std::size_t gap,
                        std::mt19937_64& random) {
  // What lies in the gaps would be seen in any product that it entered.
  const T filler = std::is_floating_point_v<T> ? std::numeric_limits<T>::quiet_NaN() : T{123};
  Matrix<T> matrix(rows, columns, transposed, gap, filler);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) matrix.at(i, j) = random_element<T>(random);
  }
  return matrix;
}

// Checks one entry of C against the sum by definition. Floating: the error of a sum of k products in any order, fused
// or not, is at most (k + 1) u Σ|a||b| to first order, u half the machine epsilon (Higham 2002, section 3.1); the
// reference is summed in long double. Integers: equal modulo 2ⁿ.
template <typename T>
void expect_entry(Matrix<T>& a, Matrix<T>& b, std::size_t i, std::size_t j, std::size_t k, T given) {
  if constexpr (std::is_floating_point_v<T>) {
    long double sum = 0;
    long double magnitude = 0;
    for (std::size_t p = 0; p < k; ++p) {
      const long double term = static_cast<long double>(a.at(i, p)) * static_cast<long double>(b.at(p, j));
      sum += term;
      magnitude += std::abs(term);
    }
    const long double bound = static_cast<long double>(k + 1) * std::numeric_limits<T>::epsilon() / 2 * magnitude;
    ASSERT_LE(std::abs(static_cast<long double>(given) - sum), bound) << "at " << i << ", " << j;
  } else {
    std::uint64_t sum = 0;
    for (std::size_t p = 0; p < k; ++p) {
      sum += static_cast<std::uint64_t>(a.at(i, p)) * static_cast<std::uint64_t>(b.at(p, j));
    }
    ASSERT_EQ(given, static_cast<T>(sum)) << "at " << i << ", " << j;
  }
}

template <typename T>
void expect_product(std::size_t m, std::size_t n, std::size_t k, bool a_transposed, bool b_transposed,
                    std::size_t gap) {
  SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + (a_transposed ? " T" : " N") +
               (b_transposed ? "T" : "N") + " gap " + std::to_string(gap));
  std::mt19937_64 random(m * 7919 + n * 104729 + k);
  auto a = random_matrix<T>(m, k, a_transposed, gap, random);
  auto b = random_matrix<T>(k, n, b_transposed, 2 * gap, random);
  const T untouched = 77;
  Matrix<T> c(m, n, false, gap, untouched);
  multiply(m, n, k, a, b, c);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) expect_entry(a, b, i, j, k, c.at(i, j));
    for (std::size_t j = n; i + 1 < m && j < c.leading; ++j) ASSERT_EQ(c.at(i, j), untouched) << "beyond row " << i;
  }
}

template <typename T>
void expect_products(std::size_t m, std::size_t n, std::size_t k) {
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const std::size_t gap : {0U, 3U}) expect_product<T>(m, n, k, a_transposed, b_transposed, gap);
    }
  }
}

template <typename T>
class GemmOf : public testing::Test {};
using Elements = testing::Types<float, double, std::int32_t, std::int64_t, std::uint8_t>;
TYPED_TEST_SUITE(GemmOf, Elements);

TYPED_TEST(GemmOf, IsTheSumByDefinitionForEverySmallShape) {
  for_each_instruction_set([] {
    for (std::size_t m = 1; m <= 14; ++m) {
      for (const std::size_t n : {1U, 2U, 3U, 7U, 8U, 9U, 16U, 17U, 33U, 40U}) {
        for (const std::size_t k : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U}) expect_products<TypeParam>(m, n, k);
      }
    }
  });
}

TYPED_TEST(GemmOf, IsTheSumByDefinitionAcrossTheBordersOfBlocks) {
  struct Shape {
    std::size_t m, n, k;
  };
  // Rows, columns and terms beyond every block of the algorithm, the shapes of a small classifier, few rows and
  // columns.
  const std::vector<Shape> shapes = {
      {32, 128, 784}, {784, 128, 32}, {32, 10, 128}, {128, 10, 32},  {32, 128, 10},  {150, 70, 300}, {3, 2100, 9},
      {300, 1, 70},   {1, 300, 517},  {2, 65, 129},  {145, 33, 257}, {3, 700, 1600}, {2, 2, 300},    {51, 3, 100},
      {50, 4, 37},    {49, 6, 100},   {70, 11, 90},  {3, 1001, 3},   {37, 131, 781}, {5, 4101, 7},   {300, 24, 12},
      {300, 12, 40},  {4, 300, 600},  {7, 130, 300}, {8, 70, 40},    {6, 4100, 300}, {1, 2000, 5},   {2, 1161, 3},
      {70, 1300, 7},  {90, 32, 6},    {100, 1, 7},   {200, 4, 64},   {1, 701, 1605}, {5, 701, 1616}, {1, 901, 1600}};
  for_each_instruction_set([&] {
    for (const auto& [m, n, k] : shapes) {
      expect_product<TypeParam>(m, n, k, false, false, 0);
      expect_product<TypeParam>(m, n, k, true, false, 1);
      expect_product<TypeParam>(m, n, k, false, true, 1);
      expect_product<TypeParam>(m, n, k, true, true, 0);
    }
  });
}

// Such rows are asked for ahead, and laid out, in parts of their own.
TYPED_TEST(GemmOf, IsTheSumByDefinitionWhereRowsAreFarApart) {
  struct Case {
    // Rows of A are k + gap elements apart, those of B n + 2 gap: aligned, at a page's distance, neither.
    std::size_t m, n, k, gap;
  };
  const std::vector<Case> cases = {{147, 70, 140, 477}, {147, 70, 140, 481}, {30, 70, 140, 477},
                                   {30, 64, 140, 480},  {30, 70, 140, 253},  {7, 70, 100, 481},
                                   {5, 40, 33, 492},    {13, 33, 129, 250},  {30, 100, 140, 884}};
  for_each_instruction_set([&] {
    for (const auto& [m, n, k, gap] : cases) {
      for (const bool transposed : {false, true}) expect_product<TypeParam>(m, n, k, transposed, transposed, gap);
      expect_product<TypeParam>(m, n, k, true, false, gap);
    }
  });
}

TYPED_TEST(GemmOf, AnEmptySumIsZeroAndAnEmptyResultIsNotTouched) {
  Matrix<TypeParam> nothing(0, 0, false, 5, 0);
  Matrix<TypeParam> c(3, 4, false, 2, 9);
  multiply(3, 4, 0, nothing, nothing, c);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 4; ++j) EXPECT_EQ(c.at(i, j), TypeParam{0});
  }
  EXPECT_EQ(c.at(0, 4), TypeParam{9});
  const Matrix<TypeParam> ones(4, 4, false, 0, 1);
  c = Matrix<TypeParam>(3, 4, false, 2, 9);
  multiply(0, 4, 4, ones, ones, c);
  multiply(3, 0, 4, ones, ones, c);
  for (const TypeParam element : c.elements) EXPECT_EQ(element, TypeParam{9});
}

TYPED_TEST(GemmOf, RepeatedCallsGiveTheSameBits) {
  std::mt19937_64 random(1);
  const auto a = random_matrix<TypeParam>(53, 301, false, 0, random);
  const auto b = random_matrix<TypeParam>(301, 47, true, 0, random);
  Matrix<TypeParam> first(53, 47, false, 0, 0);
  multiply(53, 47, 301, a, b, first);
  for (int call = 0; call < 3; ++call) {
    Matrix<TypeParam> again(53, 47, false, 0, 5);
    multiply(53, 47, 301, a, b, again);
    ASSERT_EQ(again.elements, first.elements);
  }
}

template <typename T>
class FloatingGemm : public testing::Test {};
using FloatingElements = testing::Types<float, double>;
TYPED_TEST_SUITE(FloatingGemm, FloatingElements);

TYPED_TEST(FloatingGemm, ZeroTimesNanIsNanAndStaysInItsRowOrColumn) {
  constexpr TypeParam nan = std::numeric_limits<TypeParam>::quiet_NaN();
  for_each_instruction_set([] {
    for (const bool transposed : {false, true}) {
      for (const std::size_t m : {2U, 13U}) {
        const std::size_t n = 19;
        const std::size_t k = 40;
        const Matrix<TypeParam> zeros(m, k, transposed, 0, 0);
        Matrix<TypeParam> b(k, n, transposed, 0, 1);
        b.at(3, n - 2) = nan;
        b.at(k - 1, 5) = std::numeric_limits<TypeParam>::infinity();
        Matrix<TypeParam> c(m, n, false, 0, 7);
        multiply(m, n, k, zeros, b, c);
        for (std::size_t i = 0; i < m; ++i) {
          for (std::size_t j = 0; j < n; ++j) {
            const bool is_nan = j == n - 2 || j == 5;
            ASSERT_EQ(std::isnan(c.at(i, j)), is_nan) << i << ", " << j;
            if (!is_nan) {
              ASSERT_EQ(c.at(i, j), TypeParam{0});
            }
          }
        }
      }
    }
  });
}

TYPED_TEST(FloatingGemm, ASmallerBatchGivesTheBitsOfItsRowsInALargerOne) {
  std::mt19937_64 random(2);
  const auto a = random_matrix<TypeParam>(32, 784, false, 0, random);
  const auto b = random_matrix<TypeParam>(784, 128, false, 0, random);
  for_each_instruction_set([&] {
    Matrix<TypeParam> whole(32, 128, false, 0, 0);
    multiply(32, 128, 784, a, b, whole);
    for (const std::size_t m : {4U, 5U, 7U, 8U, 9U}) {
      Matrix<TypeParam> some(m, 128, false, 0, 0);
      multiply(m, 128, 784, a, b, some);
      EXPECT_TRUE(std::equal(some.elements.begin(), some.elements.end(), whole.elements.begin())) << m;
    }
  });
}

// Parts for threads end elsewhere than the tiles of the whole.
TYPED_TEST(FloatingGemm, FewRowsHaveTheSameBitsForAnyNumberOfThreads) {
  for_each_instruction_set([] {
    std::mt19937_64 random(5);
    for (std::size_t m = 1; m <= 9; ++m) {
      for (const std::size_t n : {70U, 100U, 349U, 1000U}) {
        const std::size_t k = n == 1000 ? 1607 : 1'000'000 / (m * n) + 9;  // once a B that no cache keeps
        const auto a = random_matrix<TypeParam>(m, k, false, 0, random);
        const auto b = random_matrix<TypeParam>(k, n, false, 5, random);
        Matrix<TypeParam> one(m, n, false, 0, 0);
        {
          const ThreadLimit limit(1);
          multiply(m, n, k, a, b, one);
        }
        for (const int threads : {2, 3, 7}) {
          const ThreadLimit limit(threads);
          Matrix<TypeParam> many(m, n, false, 0, 0);
          multiply(m, n, k, a, b, many);
          EXPECT_EQ(many.elements, one.elements) << m << "x" << n << "x" << k << ", " << threads << " threads";
        }
      }
    }
  });
}

// Terms are added up in blocks: one by one, half a million of 0.1 would be off by 1 % in f32.
TYPED_TEST(FloatingGemm, FewRowsAddUpManyTermsInBlocks) {
  constexpr std::size_t k = 500'000, n = 16;
  Matrix<TypeParam> a(9, k, false, 0, 0), b(k, n, false, 0, 0);
  std::fill(a.elements.begin(), a.elements.end(), TypeParam{1});
  std::fill(b.elements.begin(), b.elements.end(), TypeParam(0.1));
  const double expected = static_cast<double>(TypeParam(0.1)) * static_cast<double>(k);
  // Each of 256 additions is off by half a unit of what was added up so far, and each of k / 256 of the whole.
  const double room = (256.0 + k / 256.0) / 2 * std::numeric_limits<TypeParam>::epsilon() * expected;
  for_each_instruction_set([&] {
    for (const std::size_t m : {1U, 2U, 4U, 8U, 9U}) {
      Matrix<TypeParam> c(m, n, false, 0, 0);
      multiply(m, n, k, a, b, c);
      for (const TypeParam sum : c.elements) EXPECT_NEAR(static_cast<double>(sum), expected, room) << m << " rows";
    }
  });
}

// A column is a product of one row.
TYPED_TEST(FloatingGemm, AColumnOfFewTermsHasTheBitsOfItsPartsInALargerOne) {
  for_each_instruction_set([] {
    std::mt19937_64 random(6);
    for (std::size_t k = 1; k <= 8; ++k) {
      const auto a = random_matrix<TypeParam>(200, k, false, 0, random);
      const auto b = random_matrix<TypeParam>(k, 1, false, 0, random);
      Matrix<TypeParam> whole(200, 1, false, 0, 0);
      multiply(200, 1, k, a, b, whole);
      for (const std::size_t m : {16U, 40U, 63U, 64U, 65U, 150U}) {
        Matrix<TypeParam> some(m, 1, false, 0, 0);
        multiply(m, 1, k, a, b, some);
        EXPECT_TRUE(std::equal(some.elements.begin(), some.elements.end(), whole.elements.begin())) << m << ", " << k;
      }
    }
  });
}

// What is computed row by row of a larger product (RowKernel) relies on it.
TYPED_TEST(FloatingGemm, SixteenRowsAndColumnsGiveTheBitsOfThoseInALargerProductInEveryLayout) {
  std::mt19937_64 random(3);
  constexpr std::size_t m = 300;
  for (const std::size_t n : {16U, 17U, 31U, 32U, 33U, 48U, 100U, 128U, 300U}) {
    for (const std::size_t k : {1U, 3U, 8U, 10U, 32U, 100U, 300U, 700U}) {
      for (const bool transposed_a : {false, true}) {
        for (const bool transposed_b : {false, true}) {
          const auto a = random_matrix<TypeParam>(m, k, transposed_a, 0, random);
          const std::size_t gap = n == 48 || n == 100 ? 500 : 0;
          const auto b = random_matrix<TypeParam>(k, n, transposed_b, gap, random);
          Matrix<TypeParam> whole(m, n, false, 0, 0);
          multiply(m, n, k, a, b, whole);
          for (const std::size_t rows : {16U, 17U, 48U, 150U}) {
            const std::size_t first = m - rows;
            MatrixView last = a.view();
            last.data = static_cast<const TypeParam*>(last.data) + first * (transposed_a ? 1 : a.leading);
            std::vector<TypeParam> some(rows * n);
            gemm(dtype_of<TypeParam>, size(rows), size(n), size(k), last, b.view(), some.data(), size(n));
            ASSERT_TRUE(std::equal(some.begin(), some.end(), whole.elements.end() - size(rows * n)))
                << rows << " rows of " << m << "x" << n << "x" << k << transposed_a << transposed_b;
          }
        }
      }
    }
  }
}

// A B that no cache keeps is laid out otherwise than its columns by themselves are.
TYPED_TEST(FloatingGemm, AProductByALargeBHasTheBitsOfProductsByItsColumns) {
  constexpr std::size_t n = 7003, k = 600, columns = 100;
  std::mt19937_64 random(6);
  auto b = random_matrix<TypeParam>(k, n, false, 0, random);
  for_each_instruction_set([&] {
    for (const std::size_t m : {26U, 150U}) {
      const auto a = random_matrix<TypeParam>(m, k, false, 0, random);
      Matrix<TypeParam> whole(m, n, false, 0, 0);
      multiply(m, n, k, a, b, whole);
      for (const std::size_t first : {0U, 2000U, 6903U}) {
        Matrix<TypeParam> some(k, columns, false, 0, 0), product(m, columns, false, 0, 0);
        for (std::size_t p = 0; p < k; ++p) std::copy_n(&b.at(p, first), columns, &some.at(p, 0));
        multiply(m, columns, k, a, some, product);
        for (std::size_t i = 0; i < m; ++i)
          ASSERT_TRUE(std::equal(&product.at(i, 0), &product.at(i, 0) + columns, &whole.at(i, first))) << m << first;
      }
      const ThreadLimit alone(1);
      Matrix<TypeParam> by_one_thread(m, n, false, 0, 0);
      multiply(m, n, k, a, b, by_one_thread);
      EXPECT_EQ(by_one_thread.elements, whole.elements) << m;
    }
  });
}

// What is gathered of a graph (gemm_sum) relies on it.
TYPED_TEST(FloatingGemm, ASumOfProductsHasTheBitsOfProductsAddedOneByOne) {
  struct Shape {
    std::size_t m, n, k;
  };
  const std::vector<Shape> shapes = {{4, 2, 1},    {5, 4, 3},      {6, 5, 8},    {7, 4, 3},    {8, 3, 6},
                                     {10, 10, 1},  {13, 17, 8},    {25, 3, 5},   {16, 16, 9},  {31, 50, 8},
                                     {20, 33, 40}, {150, 70, 256}, {300, 40, 3}, {40, 300, 30}};
  constexpr std::size_t products = 11;
  for_each_instruction_set([&] {
    std::mt19937_64 random(4);
    for (const auto& [m, n, k] : shapes) {
      for (const bool transposed_a : {false, true}) {
        for (const bool transposed_b : {false, true}) {
          SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k));
          std::vector<Matrix<TypeParam>> operands;
          std::vector<const void*> factors;
          const auto before = random_matrix<TypeParam>(m, n, false, 0, random);
          for (std::size_t i = 0; i < products; ++i) {
            operands.push_back(random_matrix<TypeParam>(m, k, transposed_a, 3, random));
            operands.push_back(random_matrix<TypeParam>(k, n, transposed_b, 2, random));
          }
          for (const auto& operand : operands) factors.push_back(operand.elements.data());
          const MatrixView a = operands[0].view(), b = operands[1].view();
          if (!can_sum(dtype_of<TypeParam>, size(m), size(n), size(k), b)) continue;
          Matrix<TypeParam> product(m, n, false, 0, 0), expected = before, given(m, n, false, 0, 7);
          for (std::size_t i = 0; i < products; ++i) {
            multiply(m, n, k, operands[2 * i], operands[2 * i + 1], product);
            for (std::size_t e = 0; e < m * n; ++e) expected.elements[e] += product.elements[e];
          }
          gemm_sum(dtype_of<TypeParam>, size(m), size(n), size(k), a, b, factors, before.elements.data(),
                   given.elements.data());
          ASSERT_EQ(given.elements, expected.elements);
        }
      }
    }
  });
}

}  // namespace
}  // namespace wengert::kernels
