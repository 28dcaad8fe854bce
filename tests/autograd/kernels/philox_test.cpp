#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/kernels/philox.h>

namespace wengert::kernels {
namespace {

using Words = std::array<std::uint32_t, 4>;

TEST(Philox, MatchesThePublishedTestVectors) {
  // From the file kat_vectors of Random123, philox4x32 with 10 rounds.
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformNumbersAreTheUpperBitsOfTheStreamInOrder) {
  const std::uint64_t key = 0x0123456789abcdef;
  const std::uint64_t counter = 0xfedcba9876543210;
  std::array<float, 6> single{};
  std::array<double, 3> twice{};
  fill_uniform(single.data(), 6, key, counter);
  fill_uniform(twice.data(), 3, key, counter);
  for (std::uint32_t i = 0; i < 6; ++i) {
    const Words words = philox4x32({i / 4, 0, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
    EXPECT_EQ(single[i], std::ldexp(static_cast<float>(words[i % 4] >> 8), -24)) << i;
  }
  for (std::uint32_t i = 0; i < 3; ++i) {
    const Words words = philox4x32({i / 2, 0, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
    const std::uint64_t word = (std::uint64_t{words[2 * (i % 2) + 1]} << 32) | words[2 * (i % 2)];
    EXPECT_EQ(twice[i], std::ldexp(static_cast<double>(word >> 11), -53)) << i;
  }
}

TEST(Philox, NormalNumbersAreTheBoxMullerTransformOfTheStream) {
  constexpr std::size_t count = 4096;
  std::vector<double> uniform(count);
  std::vector<double> normal(count);
  fill_uniform(uniform.data(), count, 7, 11);
  fill_normal(normal.data(), count, 7, 11);
  for (std::size_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2 * std::log1p(-uniform[i]));
    const double angle = 2 * std::numbers::pi * uniform[i + 1];
    // The angle, up to 2π, is rounded before the cosine: a few units of 2⁻⁵² times the radius.
    const double tolerance = 1e-14 * radius;
    EXPECT_NEAR(normal[i], radius * std::cos(angle), tolerance);
    EXPECT_NEAR(normal[i + 1], radius * std::sin(angle), tolerance);
  }
}

TEST(Philox, NormalNumbersKeepTheirBits) {
  // The promise of equal bits on every machine: these were computed on x86-64.
  std::array<double, 4> normal{};
  fill_normal(normal.data(), 4, 42, 0);
  EXPECT_EQ(normal, (std::array<double, 4>{-0x1.371e09f80c7dep-1, 0x1.e46d16bfae948p-1, -0x1.b510d5acb221cp-1,
                                           0x1.020a3f1760d4bp-2}));
}

TEST(Philox, SingleNormalsAreTheDoubleOnesRounded) {
  std::array<float, 9> single{};
  std::array<double, 9> twice{};
  fill_normal(single.data(), 9, 1, 2);
  fill_normal(twice.data(), 9, 1, 2);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(single[i], static_cast<float>(twice[i]));
}

TEST(Philox, AShorterFillIsThePrefixOfALongerAndWritesNoFurther) {
  std::vector<float> longer(100);
  fill_uniform(longer.data(), 100, 3, 4);
  for (std::size_t count : {0U, 1U, 3U, 4U, 5U, 63U, 64U, 65U}) {
    std::vector<float> shorter(100, -1);
    fill_uniform(shorter.data(), static_cast<std::int64_t>(count), 3, 4);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(shorter[i], i < count ? longer[i] : -1) << count << " " << i;
  }
}

TEST(Philox, AnotherKeyOrCounterIsAnotherStream) {
  std::array<double, 8> base{};
  std::array<double, 8> other_key{};
  std::array<double, 8> other_counter{};
  fill_uniform(base.data(), 8, 1, 1);
  fill_uniform(other_key.data(), 8, 2, 1);
  fill_uniform(other_counter.data(), 8, 1, 2);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NE(base[i], other_key[i]);
    EXPECT_NE(base[i], other_counter[i]);
  }
}

TEST(Philox, MomentsAreThoseOfTheDistributions) {
  constexpr std::size_t count = 1'000'000;
  std::vector<double> uniform(count);
  std::vector<double> normal(count);
  fill_uniform(uniform.data(), count, 5, 0);
  fill_normal(normal.data(), count, 5, 1);
  EXPECT_GE(*std::min_element(uniform.begin(), uniform.end()), 0.0);
  EXPECT_LT(*std::max_element(uniform.begin(), uniform.end()), 1.0);
  const auto mean_of = [](const std::vector<double>& x, auto f) {
    double sum = 0;
    for (const double value : x) sum += f(value);
    return sum / static_cast<double>(count);
  };
  // Tolerances: five standard errors of each estimate, 5 · sd / √10⁶.
  EXPECT_NEAR(mean_of(uniform, [](double x) { return x; }), 0.5, 0.005 * std::sqrt(1.0 / 12));
  EXPECT_NEAR(mean_of(uniform, [](double x) { return x * x; }), 1.0 / 3, 0.005 * std::sqrt(4.0 / 45));
  EXPECT_NEAR(mean_of(normal, [](double x) { return x; }), 0.0, 0.005);
  EXPECT_NEAR(mean_of(normal, [](double x) { return x * x; }), 1.0, 0.005 * std::sqrt(2.0));
  EXPECT_NEAR(mean_of(normal, [](double x) { return x * x * x; }), 0.0, 0.005 * std::sqrt(15.0));
  EXPECT_NEAR(mean_of(normal, [](double x) { return x * x * x * x; }), 3.0, 0.005 * std::sqrt(96.0));
}

}  // namespace
}  // namespace wengert::kernels
