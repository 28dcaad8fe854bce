#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include <gtest/gtest.h>
#include <support/philox.h>

#include <wengert/autograd/kernels/random.h>

namespace wengert::kernels {
namespace {

/// From streams whose numbers have both halves, and from blocks whose number outgrows one half, and both.
const std::array<Stream, 3> streams{Stream{0x0123456789abcdef, 0xfedcba9876543210},
                                    Stream{0x0123456789abcdef, 0xfedcba9876543210, 0xFFFFFFF0},
                                    Stream{3, 4, 0xFFFFFFFFFFFFFFF0}};

constexpr std::size_t count = 1001;  // more than are made at a time, and no whole vectors

std::uint64_t integer(const Stream& stream, std::size_t i) {
  const auto words = philox_block(stream.key, stream.number, stream.first_block + i / 2);
  return std::uint64_t{words[2 * (i % 2) + 1]} << 32 | words[2 * (i % 2)];
}

// From the file kat_vectors of Random123, philox4x32 with 10 rounds.
TEST(Philox, MatchesThePublishedTestVectors) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox_block(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, UniformNumbersAreTheUpperBitsOfTheStreamInOrder) {
  for_each_instruction_set([] {
    for (const Stream& stream : streams) {
      std::vector<float> single(count);
      std::vector<double> twice(count);
      fill_uniform(single, stream);
      fill_uniform(twice, stream);
      for (std::size_t i = 0; i < count; ++i) {
        const auto word = philox_block(stream.key, stream.number, stream.first_block + i / 4)[i % 4];
        ASSERT_EQ(single[i], std::ldexp(static_cast<float>(word >> 8), -24)) << i;
        ASSERT_EQ(twice[i], std::ldexp(static_cast<double>(integer(stream, i) >> 11), -53)) << i;
      }
    }
  });
}

TEST(Random, IntegersAreTheFirstHalvesOfTheBlocks) {
  for_each_instruction_set([] {
    for (const Stream& stream : streams) {
      std::vector<std::uint64_t> integers(count);
      fill_integers(integers, stream);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(integers[i], integer(stream, 2 * i)) << i;
    }
  });
}

TEST(Random, NumbersBetweenBoundsAreComputedInF64AndStayBelowTheUpperOne) {
  for_each_instruction_set([] {
    std::vector<float> unit(count), single(count), narrow(count);
    std::vector<double> unit_f64(count), twice(count);
    fill_uniform(unit, streams[0]);
    fill_uniform(unit_f64, streams[0]);
    fill_uniform(single, streams[0], -0.1, 0.7);
    fill_uniform(twice, streams[0], -0.1, 0.7);
    // The largest number below 0.7 is the nearest one to it.
    constexpr float largest = 0x1.666666p-1F, smallest = 0x1.666664p-1F;
    std::vector<float> last(count);
    fill_uniform(last, streams[0], smallest, 0.7);
    EXPECT_NE(std::find(last.begin(), last.end(), largest), last.end());
    EXPECT_EQ(*std::max_element(last.begin(), last.end()), largest);
    const float above = std::nextafter(1.0F, 2.0F);
    fill_uniform(narrow, streams[0], 1, static_cast<double>(above));  // half of them round up to `above`
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(single[i], static_cast<float>(-0.1 + static_cast<double>(unit[i]) * (0.7 - -0.1))) << i;
      ASSERT_EQ(twice[i], -0.1 + unit_f64[i] * (0.7 - -0.1)) << i;
      ASSERT_EQ(narrow[i], 1) << i;
    }
  });
}

TEST(Random, NormalNumbersAreTheBoxMullerTransformOfTheStream) {
  std::vector<double> uniform(4096), normal(4096);
  fill_uniform(uniform, {7, 11});
  fill_normal(normal, {7, 11});
  for (std::size_t i = 0; i < normal.size(); i += 2) {
    const double radius = std::sqrt(-2 * std::log1p(-uniform[i]));
    const double angle = 2 * std::numbers::pi * uniform[i + 1];
    // The angle, up to 2π, is rounded before the cosine: a few units of 2⁻⁵² times the radius.
    const double tolerance = 1e-14 * radius;
    EXPECT_NEAR(normal[i], radius * std::cos(angle), tolerance);
    EXPECT_NEAR(normal[i + 1], radius * std::sin(angle), tolerance);
  }
}

TEST(Random, NormalNumbersKeepTheirBits) {
  // The promise of equal bits on every machine: these were computed on x86-64.
  for_each_instruction_set([] {
    std::array<double, 4> normal{};
    fill_normal(normal, {42, 0});
    EXPECT_EQ(normal, (std::array<double, 4>{-0x1.371e09f80c7dep-1, 0x1.e46d16bfae948p-1, -0x1.b510d5acb221cp-1,
                                             0x1.020a3f1760d4bp-2}));
  });
}

TEST(Random, NormalNumbersAreTheSameWithEveryInstructionSet) {
  std::vector<double> expected(100'001);
  fill_normal(expected, streams[0], 0.5, 3);
  for_each_instruction_set([&] {
    std::vector<double> given(expected.size());
    fill_normal(given, streams[0], 0.5, 3);
    EXPECT_EQ(given, expected);
  });
}

TEST(Random, SingleNormalsAreTheDoubleOnesRounded) {
  for_each_instruction_set([] {
    std::vector<float> single(count), shifted(count);
    std::vector<double> twice(count);
    fill_normal(single, streams[0]);
    fill_normal(shifted, streams[0], 0.1, 0.3);
    fill_normal(twice, streams[0]);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(single[i], static_cast<float>(twice[i])) << i;
      ASSERT_EQ(shifted[i], static_cast<float>(0.1 + 0.3 * static_cast<double>(single[i]))) << i;
    }
  });
}

TEST(Random, AShorterFillIsThePrefixOfALongerAndWritesNoFurther) {
  std::vector<float> longer(1000);
  fill_uniform(longer, {3, 4});
  for (const std::size_t size : {0U, 1U, 3U, 4U, 5U, 63U, 64U, 65U, 511U, 512U, 513U}) {
    std::vector<float> shorter(longer.size(), -1);
    fill_uniform(std::span(shorter).first(size), {3, 4});
    for (std::size_t i = 0; i < shorter.size(); ++i)
      EXPECT_EQ(shorter[i], i < size ? longer[i] : -1) << size << ' ' << i;
  }
}

TEST(Random, AnotherKeyOrCounterIsAnotherStream) {
  std::array<double, 8> base{};
  std::array<double, 8> other_key{};
  std::array<double, 8> other_counter{};
  fill_uniform(base, {1, 1});
  fill_uniform(other_key, {2, 1});
  fill_uniform(other_counter, {1, 2});
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NE(base[i], other_key[i]);
    EXPECT_NE(base[i], other_counter[i]);
  }
}

TEST(Random, MomentsAreThoseOfTheDistributions) {
  std::vector<double> uniform(1'000'000), normal(1'000'000);
  fill_uniform(uniform, {5, 0});
  fill_normal(normal, {5, 1});
  EXPECT_GE(*std::min_element(uniform.begin(), uniform.end()), 0.0);
  EXPECT_LT(*std::max_element(uniform.begin(), uniform.end()), 1.0);
  const auto mean_of = [](const std::vector<double>& x, auto f) {
    double sum = 0;
    for (const double value : x) sum += f(value);
    return sum / static_cast<double>(x.size());
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
