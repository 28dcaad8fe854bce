#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/kernels/random.h>

namespace wengert {
namespace {

// Worked out with another implementation, from the definition in generator.h.
TEST(Generator, GivesKnownBitsForASeed) {
  Generator words(42);
  EXPECT_EQ(words.next(), 0x77f5493b9ceaf053U);
  EXPECT_EQ(words.position(), 1U);
  Generator uniforms(42);
  const Tensor u = uniform({4}, 0, 1, uniforms);
  EXPECT_TRUE(same_bits(u, Tensor({0x1.39d5ep-1F, 0x1.dfd524p-2F, 0x1.2bf5p-4F, 0x1.5d0accp-2F})));
  Generator normals(42, 7);
  const Tensor z = normal({2}, 0, 1, normals, DType::f64);
  EXPECT_NEAR(z.data<double>()[0], -1.0687250842518425, 1e-15);  // the other one used the C library's cos, sin and log
  EXPECT_NEAR(z.data<double>()[1], 1.83874455132616, 1e-15);
  Generator orders(42);
  EXPECT_TRUE(same_bits(permutation(8, orders), Tensor(std::vector<std::int64_t>{4, 5, 2, 0, 1, 6, 7, 3})));
}

TEST(Generator, GoesOnWhereItStopped) {
  Generator whole(3);
  const Tensor eight = uniform({8}, -1, 1, whole);
  Generator parts(3);
  const Tensor first = uniform({4}, -1, 1, parts);
  EXPECT_EQ(parts.position(), 1U) << "four f32 are a block";
  Generator resumed(3);
  resumed.set_position(parts.position());
  const Tensor second = uniform({4}, -1, 1, resumed);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(first.data<float>()[i], eight.data<float>()[i]);
    EXPECT_EQ(second.data<float>()[i], eight.data<float>()[i + 4]);
  }
}

TEST(Generator, TakesOtherNumbersForAnotherSeedOrStreamOrDraw) {
  const auto draw = [](std::uint64_t seed, std::uint64_t stream, std::uint64_t position) {
    Generator generator(seed, stream);
    generator.set_position(position);
    return generator.next();
  };
  EXPECT_EQ(draw(1, 2, 3), draw(1, 2, 3));
  EXPECT_NE(draw(1, 2, 3), draw(2, 2, 3));
  EXPECT_NE(draw(1, 2, 3), draw(1, 3, 3));
  EXPECT_NE(draw(1, 2, 3), draw(1, 2, 4));
  EXPECT_NE(draw(1, 2, 3), draw(2, 1, 3));
}

TEST(Generator, DrawsNumbersBelowABoundWithoutBias) {
  Generator generator(5);
  std::array<int, 6> counts{};
  constexpr int draws = 60'000;
  for (int i = 0; i < draws; ++i) ++counts.at(generator.below(6));
  // Five standard deviations of a binomial count, √(n p (1 − p)) = 91; the seed is fixed.
  for (const int count : counts) EXPECT_NEAR(count, draws / 6, 5 * 91);
  EXPECT_EQ(generator.below(1), 0U);
  const std::uint64_t half = std::uint64_t{1} << 63;
  for (int i = 0; i < 100; ++i) EXPECT_LE(generator.below(half + 1), half);
  EXPECT_THROW(generator.below(0), ValueError);
}

TEST(Uniform, HasTheMomentsOfItsBoundsAndStaysWithinThem) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Generator generator(11);
    constexpr std::int64_t count = 200'000;
    const Tensor drawn = uniform({count}, -2, 3, generator, dtype);
    double sum = 0;
    double squares = 0;
    dispatch(dtype, [&](auto type) {
      for (const auto element : drawn.data<decltype(type)>()) {
        const auto x = static_cast<double>(element);
        EXPECT_TRUE(x >= -2 && x < 3) << x;
        sum += x;
        squares += x * x;
      }
    });
    const double mean = sum / count;
    // Five standard errors: sd √(25/12) over √n, and that of a squared deviation, 25/12 · √0.8, over √n.
    EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(25.0 / 12 / count));
    EXPECT_NEAR(squares / count - mean * mean, 25.0 / 12, 5 * 25.0 / 12 * std::sqrt(0.8 / count));
  }
}

TEST(Uniform, NeverReachesTheUpperBoundByRounding) {
  Generator generator(1);
  // One step of f32 between the bounds: half of all numbers would round up.
  const float low = 1.0F;
  const float high = std::nextafter(low, 2.0F);
  for (const float x : uniform({1000}, low, high, generator).data<float>()) EXPECT_EQ(x, low);
  for (const float x : uniform({10}, 4, 4, generator).data<float>()) EXPECT_EQ(x, 4.0F);
}

TEST(Normal, HasItsMoments) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Generator generator(12);
    constexpr std::int64_t count = 200'000;
    const Tensor drawn = normal({count}, 3, 0.5, generator, dtype);
    double sum = 0;
    double squares = 0;
    dispatch(dtype, [&](auto type) {
      for (const auto element : drawn.data<decltype(type)>()) {
        const auto x = static_cast<double>(element);
        sum += x;
        squares += (x - 3) * (x - 3);
      }
    });
    // Five standard errors: 0.5/√n of the mean, 0.25 √(2/n) of the variance.
    EXPECT_NEAR(sum / count, 3, 5 * 0.5 / std::sqrt(count));
    EXPECT_NEAR(squares / count, 0.25, 5 * 0.25 * std::sqrt(2.0 / count));
  }
}

TEST(Random, RefusesWhatMakesNoSense) {
  Generator generator;
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THROW(uniform({2}, 0, 1, generator, DType::i32), DTypeError);
  EXPECT_THROW(uniform({2}, 0, infinity, generator), ValueError);
  EXPECT_THROW(uniform({2}, NAN, 1, generator), ValueError);
  EXPECT_THROW(uniform({2}, 1, 0, generator), ValueError);
  EXPECT_THROW(uniform({2}, 0, 1e39, generator), ValueError) << "more than f32 holds";
  EXPECT_THROW(uniform({2}, -1e308, 1e308, generator, DType::f64), ValueError) << "the width overflows";
  EXPECT_THROW(normal({2}, 0, -1, generator), ValueError);
  EXPECT_THROW(normal({2}, infinity, 1, generator), ValueError);
  EXPECT_THROW(normal({2}, 0, 1, generator, DType::boolean), DTypeError);
  EXPECT_THROW(permutation(-1, generator), ValueError);
  EXPECT_EQ(generator.position(), 0U) << "what fails draws nothing";
}

TEST(Random, FillsEmptyTensorsAndScalars) {
  Generator generator;
  EXPECT_EQ(uniform({0, 3}, 0, 1, generator).size(), 0);
  EXPECT_EQ(generator.position(), 0U);
  EXPECT_EQ(normal({}, 0, 1, generator).rank(), 0U);
  EXPECT_EQ(permutation(0, generator).size(), 0);
}

TEST(Permutation, HoldsEveryNumberOnceAndMixesThem) {
  Generator generator(9);
  const Tensor drawn = permutation(1000, generator);
  const auto order = drawn.data<std::int64_t>();
  std::vector<std::int64_t> sorted(order.begin(), order.end());
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], static_cast<std::int64_t>(i));
  std::int64_t fixed = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) fixed += order[i] == static_cast<std::int64_t>(i) ? 1 : 0;
  EXPECT_LT(fixed, 8) << "one is to be expected; eight or more come once in 10⁵ permutations";
}

TEST(Permutation, MeetsEveryOrderEquallyOften) {
  std::vector<int> counts(6);
  constexpr int draws = 6000;
  Generator generator(2);
  for (int i = 0; i < draws; ++i) {
    const auto p = permutation(3, generator).data<std::int64_t>();
    ++counts[static_cast<std::size_t>(2 * p[0] + (p[1] > p[2] ? 1 : 0))];
  }
  for (const int count : counts) EXPECT_NEAR(count, draws / 6, 5 * 29);  // five standard deviations
}

}  // namespace
}  // namespace wengert
