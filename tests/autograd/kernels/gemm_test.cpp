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
#include "autograd/kernels/matrices.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

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

// Terms are added some in a step, rows by as many as make a tile or less.
TYPED_TEST(GemmOf, IsTheSumByDefinitionForTermsThatStepsLeaveOver) {
  for_each_instruction_set([] {
    for (const std::size_t m : {6U, 8U, 26U}) {
      for (const std::size_t n : {16U, 72U}) {
        for (std::size_t k = 10; k <= 31; ++k) expect_products<TypeParam>(m, n, k);
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
    // Rows of A are k + gap elements apart, those of B n + 2 gap: aligned, at a page's distance or half of it, neither.
    std::size_t m, n, k, gap;
  };
  const std::vector<Case> cases = {{147, 70, 140, 477}, {147, 70, 140, 481}, {30, 70, 140, 477}, {30, 64, 140, 480},
                                   {30, 70, 140, 253},  {7, 70, 100, 481},   {5, 40, 33, 492},   {13, 33, 129, 250},
                                   {30, 100, 140, 884}, {60, 64, 140, 224}};
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
TYPED_TEST_SUITE(FloatingGemm, FloatingElements);

// A B that spans more than 16 MB is laid out in groups of panels for many rows of A, and read where it lies for fewer.
TYPED_TEST(FloatingGemm, IsTheSumByDefinitionByAMatrixBeyondTheCaches) {
  for_each_instruction_set([] {
    for (const std::size_t m : {40U, 70U}) expect_product<TypeParam>(m, 300, 140, false, false, 14850);
  });
}

// Rows of A are laid out for many columns of B where they are a page apart; its terms for fewer, where they are far
// apart, or more than 2 MB in all.
TYPED_TEST(FloatingGemm, IsTheSumByDefinitionWhereAIsLaidOut) {
  for_each_instruction_set([] {
    expect_product<TypeParam>(20, 540, 40, false, false, 984);
    expect_product<TypeParam>(40, 90, 140, true, false, 560);
    for (const std::size_t gap : {230U, 480U}) expect_product<TypeParam>(20, 130, 1100, true, false, gap);
  });
}

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

// Every sum begins with 0, and 0 + -0 is 0: of one term, too, and of so few that vectors are not asked.
TYPED_TEST(FloatingGemm, NoSumIsNegativeZero) {
  for_each_instruction_set([] {
    for (const std::size_t m : {1U, 2U, 13U}) {
      for (const std::size_t n : {1U, 3U, 19U}) {
        for (const std::size_t k : {1U, 2U, 40U}) {
          for (const bool transposed : {false, true}) {
            const Matrix<TypeParam> a(m, k, transposed, 0, -1), zeros(k, n, transposed, 0, 0);
            Matrix<TypeParam> c(m, n, false, 0, 7);
            multiply(m, n, k, a, zeros, c);
            for (const TypeParam x : c.elements) {
              ASSERT_TRUE(x == TypeParam{0} && !std::signbit(x)) << m << "x" << n << "x" << k << ": " << x;
            }
          }
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

}  // namespace
}  // namespace wengert::kernels
