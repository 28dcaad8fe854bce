#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>

#include "autograd/kernels/instruction_sets.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/instruction_sets.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autograd/kernels/reciprocal_test.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/reciprocal-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

/// Of an array in whole blocks.
void invert(const float* b, float* y, std::size_t count) {
  const hn::ScalableTag<float> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(reciprocal(d, hn::LoadU(d, b + i)), d, y + i);
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

HWY_EXPORT(invert);

constexpr std::size_t block = 1024;
constexpr std::uint32_t significands = 1U << 23;

/// One division by the processor is correctly rounded.
void expect_correctly_rounded(const std::array<float, block>& b) {
  std::array<float, block> given;
  HWY_DYNAMIC_DISPATCH(invert)(b.data(), given.data(), block);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < block; ++i) {
    const float expected = 1 / b[i];
    const bool both_nan = std::isnan(expected) && std::isnan(given[i]);
    wrong += !both_nan && std::bit_cast<std::uint32_t>(given[i]) != std::bit_cast<std::uint32_t>(expected) ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0U) << "of " << block << " from " << std::hexfloat << b[0];
}

/// Of all numbers with that exponent, which are one behind the other.
void expect_correctly_rounded(int exponent) {
  const auto first = std::bit_cast<std::uint32_t>(std::ldexp(1.0F, exponent));
  for (std::uint32_t done = 0; done < significands; done += block) {
    std::array<std::uint32_t, block> bits;
    std::iota(bits.begin(), bits.end(), first + done);
    expect_correctly_rounded(std::bit_cast<std::array<float, block>>(bits));
  }
}

// Where no number on the way is too small or too large, all exponents are alike.
TEST(Reciprocal, IsCorrectlyRoundedForAllDigits) {
  for (const int exponent : {-126, -125, -24, 0, 124, 125, 126, 127}) expect_correctly_rounded(exponent);
}

TEST(Reciprocal, IsCorrectlyRoundedForNumbersOfEverySize) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> digits(0, significands - 1);
  for_each_instruction_set([&] {
    for (std::uint32_t sign_and_exponent = 0; sign_and_exponent < 512; ++sign_and_exponent) {
      std::array<std::uint32_t, block> bits;
      for (std::uint32_t& x : bits) x = sign_and_exponent * significands + digits(random);
      bits[1] = sign_and_exponent * significands;  // zeros and infinities, too
      expect_correctly_rounded(std::bit_cast<std::array<float, block>>(bits));
    }
  });
}

}  // namespace
}  // namespace wengert::kernels
#endif
