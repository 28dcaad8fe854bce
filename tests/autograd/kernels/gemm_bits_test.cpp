// The bits of a product: they depend on no thread, and hardly on what else is multiplied.

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/matrices.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

template <typename T>
class GemmBits : public testing::Test {};
TYPED_TEST_SUITE(GemmBits, FloatingElements);

TYPED_TEST(GemmBits, ASmallerBatchGivesTheBitsOfItsRowsInALargerOne) {
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
template <typename T>
void expect_same_bits_for_any_number_of_threads(std::size_t m, std::size_t n, std::size_t k, std::size_t gap,
                                                std::mt19937_64& random) {
  const auto a = random_matrix<T>(m, k, false, 0, random), b = random_matrix<T>(k, n, false, gap, random);
  Matrix<T> one(m, n, false, 0, 0);
  {
    const ThreadLimit limit(1);
    multiply(m, n, k, a, b, one);
  }
  for (const int threads : {2, 3, 7}) {
    const ThreadLimit limit(threads);
    Matrix<T> many(m, n, false, 0, 0);
    multiply(m, n, k, a, b, many);
    EXPECT_EQ(many.elements, one.elements) << m << "x" << n << "x" << k << ", " << threads << " threads";
  }
}

TYPED_TEST(GemmBits, FewRowsHaveTheSameBitsForAnyNumberOfThreads) {
  for_each_instruction_set([] {
    std::mt19937_64 random(5);
    for (std::size_t m = 1; m <= 9; ++m) {
      for (const std::size_t n : {70U, 100U, 349U, 1000U}) {
        const std::size_t k = n == 1000 ? 1607 : 1'000'000 / (m * n) + 9;  // once a B that no cache keeps
        expect_same_bits_for_any_number_of_threads<TypeParam>(m, n, k, 5, random);
      }
    }
  });
}

// Of 25 and 49 rows the last part may be a single one.
TYPED_TEST(GemmBits, FewColumnsHaveTheSameBitsForAnyNumberOfThreads) {
  for_each_instruction_set([] {
    std::mt19937_64 random(6);
    for (const std::size_t m : {25U, 49U, 50U, 301U}) {
      for (std::size_t n = 2; n <= 5; ++n) {
        expect_same_bits_for_any_number_of_threads<TypeParam>(m, n, 2'000'000 / (m * n) + 7, 0, random);
      }
    }
  });
}

// A column is a product of one row.
TYPED_TEST(GemmBits, AColumnOfFewTermsHasTheBitsOfItsPartsInALargerOne) {
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
TYPED_TEST(GemmBits, SixteenRowsAndColumnsGiveTheBitsOfThoseInALargerProductInEveryLayout) {
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

// What is added up as its terms are made (TermKernel) relies on it.
TYPED_TEST(GemmBits, ProductsOfBlocksOfTermsJoinedGiveTheBitsOfTheWhole) {
  std::mt19937_64 random(8);
  for_each_instruction_set([&] {
    for (const std::size_t n : {16U, 17U, 32U, 100U}) {
      for (const std::size_t k : {1U, 256U, 257U, 512U, 700U, 2561U}) {
        for (const bool transposed_a : {false, true}) {
          constexpr std::size_t m = 21;
          const auto a = random_matrix<TypeParam>(m, k, transposed_a, 0, random);
          const auto b = random_matrix<TypeParam>(k, n, false, 0, random);
          Matrix<TypeParam> whole(m, n, false, 0, 0), joined = whole;
          multiply(m, n, k, a, b, whole);
          const std::size_t block = static_cast<std::size_t>(gemm_block(size(k))), blocks = (k + block - 1) / block;
          std::vector<TypeParam> products(blocks * m * n);
          for (std::size_t i = 0; i < blocks; ++i) {
            const std::size_t first = i * block, terms = std::min(block, k - first);
            MatrixView left = a.view(), right = b.view();
            left.data = static_cast<const TypeParam*>(left.data) + first * (transposed_a ? a.leading : 1);
            right.data = static_cast<const TypeParam*>(right.data) + first * b.leading;
            gemm(dtype_of<TypeParam>, size(m), size(n), size(terms), left, right, &products[i * m * n], size(n));
          }
          gemm_join(dtype_of<TypeParam>, size(m * n), size(blocks), products.data(), joined.elements.data());
          ASSERT_EQ(joined.elements, whole.elements) << m << "x" << n << "x" << k << transposed_a;
        }
      }
    }
  });
}

// A B that no cache keeps is laid out otherwise than its columns by themselves are.
TYPED_TEST(GemmBits, AProductByALargeBHasTheBitsOfProductsByItsColumns) {
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
TYPED_TEST(GemmBits, ASumOfProductsHasTheBitsOfProductsAddedOneByOne) {
  struct Shape {
    std::size_t m, n, k;
  };
  const std::vector<Shape> shapes = {{4, 2, 1},    {5, 4, 3},      {6, 5, 8},    {7, 4, 3},     {8, 3, 6},
                                     {10, 10, 1},  {13, 17, 8},    {25, 3, 5},   {16, 16, 9},   {31, 50, 8},
                                     {20, 33, 40}, {150, 70, 256}, {300, 40, 3}, {40, 300, 30}, {5, 8, 1},
                                     {6, 9, 1},    {11, 15, 1},    {12, 17, 1},  {13, 33, 1},   {70, 100, 1}};
  constexpr std::size_t products = 11;
  for_each_instruction_set([&] {
    std::mt19937_64 random(4);
    for (const Shape& shape : shapes) {
      const std::size_t m = shape.m, n = shape.n, k = shape.k;  // clang 14 captures no structured bindings
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
          const auto add_products = [&](Matrix<TypeParam>& sum) {
            for (std::size_t i = 0; i < products; ++i) {
              multiply(m, n, k, operands[2 * i], operands[2 * i + 1], product);
              for (std::size_t e = 0; e < m * n; ++e) sum.elements[e] += product.elements[e];
            }
          };
          add_products(expected);
          const auto sum_up = [&](const void* to) {
            gemm_sum(dtype_of<TypeParam>, size(m), size(n), size(k), a, b, factors, to, given.elements.data());
          };
          sum_up(before.elements.data());
          ASSERT_EQ(given.elements, expected.elements);
          std::fill(expected.elements.begin(), expected.elements.end(), TypeParam{0});
          add_products(expected);
          sum_up(nullptr);
          ASSERT_EQ(given.elements, expected.elements);
        }
      }
    }
  });
}

}  // namespace
}  // namespace wengert::kernels
