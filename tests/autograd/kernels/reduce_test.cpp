#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/programs.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/scan.h>

namespace wengert::kernels {
namespace {

struct Shape {
  std::int64_t outer, n, inner;
};

// Lengths and widths around every lane count, tile and block of the algorithm.
const std::vector<Shape> shapes = {{1, 1, 1},   {3, 2, 1},    {4, 7, 1},    {5, 10, 1},   {2, 31, 1},    {2, 32, 1},
                                   {2, 33, 1},  {1, 511, 1},  {1, 512, 1},  {1, 545, 1},  {3, 1025, 1},  {1, 5000, 1},
                                   {1, 1, 5},   {2, 3, 2},    {1, 32, 10},  {2, 16, 31},  {2, 17, 32},   {2, 33, 33},
                                   {1, 64, 41}, {3, 48, 128}, {1, 100, 1},  {2, 130, 7},  {1, 1000, 65}, {0, 5, 3},
                                   {4, 5, 0},   {8, 1, 1},    {31, 3, 1},   {33, 10, 1},  {64, 17, 1},   {100, 31, 1},
                                   {21, 32, 1}, {37, 64, 1},  {19, 544, 1}, {18, 1024, 1}};

std::string text(const Shape& s) {
  return std::to_string(s.outer) + "x" + std::to_string(s.n) + "x" + std::to_string(s.inner);
}

template <typename T>
std::vector<T> random_elements(const Shape& s) {
  std::mt19937_64 random(static_cast<std::uint64_t>(s.outer * 1'000'003 + s.n * 1'009 + s.inner));
  std::vector<T> elements(static_cast<std::size_t>(s.outer * s.n * s.inner));
  for (T& element : elements) {
    if constexpr (std::is_floating_point_v<T>) {
      element = std::uniform_real_distribution<T>(-1, 1)(random);
    } else {
      element = static_cast<T>(random());  // the whole range: sums and products wrap
    }
  }
  return elements;
}

/// By each instruction set, which makes no difference to the bits.
template <typename T>
std::vector<T> reduced(Reduction reduction, const std::vector<T>& in, const Shape& s) {
  std::vector<T> first;
  for_each_instruction_set([&] {
    std::vector<T> out(static_cast<std::size_t>(s.outer * s.inner), T{99});
    reduce(reduction, dtype_of<T>, in.data(), out.data(), s.outer, s.n, s.inner);
    if (first.empty()) first = out;
    EXPECT_TRUE(std::equal(out.begin(), out.end(), first.begin(), same_bits<T>)) << "of " << text(s);
  });
  return first;
}

// Calls f(position in the result, the elements that are reduced to it).
template <typename T, typename F>
void for_each_sequence(const std::vector<T>& in, const Shape& s, F f) {
  for (std::int64_t o = 0; o < s.outer; ++o) {
    for (std::int64_t j = 0; j < s.inner; ++j) {
      std::vector<T> sequence;
      for (std::int64_t i = 0; i < s.n; ++i)
        sequence.push_back(in[static_cast<std::size_t>((o * s.n + i) * s.inner + j)]);
      f(static_cast<std::size_t>(o * s.inner + j), sequence);
    }
  }
}

template <typename T>
class Reduce : public testing::Test {};
using Numbers = testing::Types<float, double, std::int32_t, std::int64_t, std::uint8_t>;
TYPED_TEST_SUITE(Reduce, Numbers);

TYPED_TEST(Reduce, SumsAgreeWithTheDefinition) {
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(text(shape));
    const auto in = random_elements<TypeParam>(shape);
    const auto out = reduced(Reduction::sum, in, shape);
    for_each_sequence(in, shape, [&](std::size_t at, const std::vector<TypeParam>& sequence) {
      if constexpr (std::is_floating_point_v<TypeParam>) {
        long double sum = 0;
        long double magnitude = 0;
        for (const TypeParam x : sequence) {
          sum += x;
          magnitude += std::abs(static_cast<long double>(x));
        }
        // On the way of any element into the result lie at most 16 additions in a block, 5 across lanes, 2 of what is
        // left of a row, and one per doubling of the number of blocks; each rounds by half an epsilon (Higham 1993).
        const long double height = 23 + std::log2(static_cast<long double>(shape.n));
        const long double bound = height * std::numeric_limits<TypeParam>::epsilon() / 2 * magnitude;
        ASSERT_LE(std::abs(static_cast<long double>(out[at]) - sum), bound) << "at " << at;
      } else {
        std::uint64_t sum = 0;
        for (const TypeParam x : sequence) sum += static_cast<std::uint64_t>(x);
        ASSERT_EQ(out[at], static_cast<TypeParam>(sum)) << "at " << at;
      }
    });
  }
}

TYPED_TEST(Reduce, SumsOfRowsDoNotDependOnHowManyThereAre) {
  for (const Shape& shape : shapes) {
    if (shape.inner != 1 || shape.n == 0) continue;
    SCOPED_TRACE(text(shape));
    const auto in = random_elements<TypeParam>(shape);
    const auto together = reduced(Reduction::sum, in, shape);
    for_each_sequence(in, shape, [&](std::size_t at, const std::vector<TypeParam>& row) {
      EXPECT_EQ(together[at], reduced(Reduction::sum, row, {1, shape.n, 1})[0]) << "row " << at;
    });
  }
}

TYPED_TEST(Reduce, ProductsAgreeWithTheDefinition) {
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(text(shape));
    auto in = random_elements<TypeParam>(shape);
    if constexpr (std::is_floating_point_v<TypeParam>) {
      for (TypeParam& x : in) x = 1 + x / 64;  // so that long products stay in range
    } else {
      for (TypeParam& x : in) x = static_cast<TypeParam>(x | 1);  // so that they do not end as 0
    }
    const auto out = reduced(Reduction::prod, in, shape);
    for_each_sequence(in, shape, [&](std::size_t at, const std::vector<TypeParam>& sequence) {
      if constexpr (std::is_floating_point_v<TypeParam>) {
        long double product = 1;
        for (const TypeParam x : sequence) product *= x;
        // n roundings, of half an epsilon each.
        const auto roundings = static_cast<long double>(shape.n);
        const long double bound = roundings * std::numeric_limits<TypeParam>::epsilon() / 2 * std::abs(product) * 1.01L;
        ASSERT_LE(std::abs(static_cast<long double>(out[at]) - product), bound) << "at " << at;
      } else {
        std::uint64_t product = 1;
        for (const TypeParam x : sequence) product *= static_cast<std::uint64_t>(x);
        ASSERT_EQ(out[at], static_cast<TypeParam>(product)) << "at " << at;
      }
    });
  }
}

TYPED_TEST(Reduce, ExtremesAndTheirPositionsAgreeWithTheDefinition) {
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(text(shape));
    auto in = random_elements<TypeParam>(shape);
    for (TypeParam& x : in) {
      if constexpr (std::is_floating_point_v<TypeParam>) x = std::round(50 * x);  // so that there are equal elements
    }
    const auto largest = reduced(Reduction::max, in, shape);
    const auto smallest = reduced(Reduction::min, in, shape);
    std::vector<std::int64_t> largest_at(largest.size());
    std::vector<std::int64_t> smallest_at(largest.size());
    arg_reduce(true, dtype_of<TypeParam>, in.data(), largest_at.data(), shape.outer, shape.n, shape.inner);
    arg_reduce(false, dtype_of<TypeParam>, in.data(), smallest_at.data(), shape.outer, shape.n, shape.inner);
    for_each_sequence(in, shape, [&](std::size_t at, const std::vector<TypeParam>& sequence) {
      const auto low = std::min_element(sequence.begin(), sequence.end());
      const auto high = std::max_element(sequence.begin(), sequence.end());  // the first of equals
      ASSERT_EQ(largest[at], *high);
      ASSERT_EQ(smallest[at], *low);
      ASSERT_EQ(largest_at[at], high - sequence.begin());
      ASSERT_EQ(smallest_at[at], low - sequence.begin());
    });
  }
}

TYPED_TEST(Reduce, NothingReducesToTheNeutralElement) {
  const std::vector<TypeParam> nothing;
  for (const Shape& shape : {Shape{3, 0, 1}, Shape{40, 0, 1}, Shape{2, 0, 45}}) {
    for (const TypeParam x : reduced(Reduction::sum, nothing, shape)) EXPECT_EQ(x, TypeParam{0});
    for (const TypeParam x : reduced(Reduction::prod, nothing, shape)) EXPECT_EQ(x, TypeParam{1});
  }
  TypeParam untouched = 7;
  cumulative_sum(dtype_of<TypeParam>, nothing.data(), &untouched, 2, 0, 3, true);
  EXPECT_EQ(untouched, TypeParam{7});
}

TYPED_TEST(Reduce, ExtremesFindTheEndsOfTheRange) {
  constexpr TypeParam lowest = std::numeric_limits<TypeParam>::lowest();
  constexpr TypeParam highest = std::numeric_limits<TypeParam>::max();
  for (const Shape& shape : {Shape{1, 3, 1}, Shape{1, 70, 1}, Shape{1, 3, 9}}) {
    const std::vector<TypeParam> low(static_cast<std::size_t>(shape.n * shape.inner), lowest);
    const std::vector<TypeParam> high(low.size(), highest);
    EXPECT_EQ(reduced(Reduction::max, low, shape)[0], lowest);
    EXPECT_EQ(reduced(Reduction::min, high, shape)[0], highest);
  }
}

TYPED_TEST(Reduce, CumulativeSumsAgreeWithTheDefinition) {
  for (const Shape& shape : shapes) {
    for (const bool reverse : {false, true}) {
      SCOPED_TRACE(text(shape) + (reverse ? " reverse" : ""));
      const auto in = random_elements<TypeParam>(shape);
      std::vector<TypeParam> out(in.size());
      cumulative_sum(dtype_of<TypeParam>, in.data(), out.data(), shape.outer, shape.n, shape.inner, reverse);
      std::vector<std::vector<TypeParam>> results;
      for_each_sequence(out, shape, [&](std::size_t, const auto& sequence) { results.push_back(sequence); });
      for_each_sequence(in, shape, [&](std::size_t at, std::vector<TypeParam> sequence) {
        auto result = results[at];
        if (reverse) {
          std::reverse(sequence.begin(), sequence.end());
          std::reverse(result.begin(), result.end());
        }
        std::conditional_t<std::is_floating_point_v<TypeParam>, long double, std::uint64_t> sum = 0;
        for (std::size_t i = 0; i < sequence.size(); ++i) {
          sum += static_cast<decltype(sum)>(sequence[i]);
          if constexpr (std::is_floating_point_v<TypeParam>) {
            // f64 adds one rounding per term, of sums below i + 1; f32 is added in f64 and rounded once.
            const auto terms = std::is_same_v<TypeParam, float> ? 2 : static_cast<long double>(i + 1);
            const long double bound =
                terms * std::numeric_limits<TypeParam>::epsilon() / 2 * static_cast<long double>(i + 1);
            ASSERT_LE(std::abs(static_cast<long double>(result[i]) - sum), bound) << at << ", " << i;
          } else {
            ASSERT_EQ(result[i], static_cast<TypeParam>(sum)) << at << ", " << i;
          }
        }
      });
    }
  }
}

template <typename T>
class FloatingReduce : public testing::Test {};
using FloatingNumbers = testing::Types<float, double>;
TYPED_TEST_SUITE(FloatingReduce, FloatingNumbers);

TYPED_TEST(FloatingReduce, ANanAnywhereIsTheExtreme) {
  constexpr TypeParam nan = std::numeric_limits<TypeParam>::quiet_NaN();
  for (const Shape& shape : {Shape{1, 10, 1}, Shape{1, 70, 1}, Shape{1, 600, 1}, Shape{1, 40, 3}}) {
    const auto in = random_elements<TypeParam>(shape);
    for (std::int64_t i = 0; i < shape.n; ++i) {
      auto with_nan = in;
      with_nan[static_cast<std::size_t>(i * shape.inner)] = nan;
      with_nan.back() = shape.inner == 1 ? nan : with_nan.back();
      EXPECT_TRUE(std::isnan(reduced(Reduction::max, with_nan, shape)[0])) << text(shape) << " at " << i;
      EXPECT_TRUE(std::isnan(reduced(Reduction::min, with_nan, shape)[0])) << text(shape) << " at " << i;
      std::vector<std::int64_t> at(static_cast<std::size_t>(shape.inner));
      for (const bool largest : {false, true}) {
        arg_reduce(largest, dtype_of<TypeParam>, with_nan.data(), at.data(), shape.outer, shape.n, shape.inner);
        EXPECT_EQ(at[0], i) << text(shape);  // the first of two
      }
    }
  }
}

TYPED_TEST(FloatingReduce, InfinitiesAreNumbersToTheExtremes) {
  constexpr TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  const std::vector<TypeParam> in = {-infinity, -infinity, -infinity};
  EXPECT_EQ(reduced(Reduction::max, in, {1, 3, 1})[0], -infinity);
  std::int64_t at = -1;
  arg_reduce(true, dtype_of<TypeParam>, in.data(), &at, 1, 3, 1);
  EXPECT_EQ(at, 0);
}

TYPED_TEST(FloatingReduce, RepeatedSumsHaveTheSameBits) {
  const Shape shape = {3, 1000, 37};
  const auto in = random_elements<TypeParam>(shape);
  const auto first = reduced(Reduction::sum, in, shape);
  for (int call = 0; call < 3; ++call) EXPECT_EQ(reduced(Reduction::sum, in, shape), first);
}

TYPED_TEST(FloatingReduce, ARowHasTheSameBitsAmongOthers) {
  for (const Reduction reduction : {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min}) {
    for (const std::int64_t n : {1, 2, 15, 16, 17, 23, 31, 32, 33}) {
      const Shape shape = {77, n, 1};
      auto in = random_elements<TypeParam>(shape);
      in[0] = -0.0;
      in.back() = std::numeric_limits<TypeParam>::quiet_NaN();
      const auto together = reduced(reduction, in, shape);
      for (std::int64_t row = 0; row < shape.outer; ++row) {
        const auto begin = in.begin() + row * n;
        const TypeParam alone = reduced(reduction, std::vector<TypeParam>(begin, begin + n), {1, n, 1})[0];
        EXPECT_EQ(std::memcmp(&together[static_cast<std::size_t>(row)], &alone, sizeof alone), 0)
            << "row " << row << " of " << n;
      }
    }
  }
}

TEST(ReduceStories, TenMillionTenthsAddUpToTheLastDigits) {
  const std::vector<float> tenths(10'000'000, 0.1F);
  const double exact = 10'000'000 * static_cast<double>(0.1F);
  // Added one after the other they would give 1087937, off by 1.4 million units in the last place (1/16).
  EXPECT_NEAR(reduced(Reduction::sum, tenths, {1, 10'000'000, 1})[0], exact, 4 * 0.0625);
  for (const float sum : reduced(Reduction::sum, tenths, {1, 1'000'000, 10})) {
    EXPECT_NEAR(sum, exact / 10, 4 * 0.0078125);
  }
}

TEST(ReduceStories, PositionsOfTruthValues) {
  const std::vector<std::uint8_t> stored = {0, 1, 1, 0};  // as booleans are
  std::int64_t at = -1;
  arg_reduce(true, DType::boolean, stored.data(), &at, 1, 4, 1);
  EXPECT_EQ(at, 1);
  arg_reduce(false, DType::boolean, stored.data(), &at, 1, 4, 1);
  EXPECT_EQ(at, 0);
}

}  // namespace
}  // namespace wengert::kernels
