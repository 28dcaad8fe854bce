#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/instruction_sets.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autograd/kernels/quotient_test.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/quotient-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

/// Of arrays in whole blocks.
void divide(const float* a, const float* b, float* q, std::size_t count) {
  const hn::ScalableTag<float> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(quotient(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, q + i);
  }
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

HWY_EXPORT(divide);

/// Numerators and denominators, divided a block at a time.
class Pairs {
 public:
  void add(float a, float b) {
    a_.push_back(a);
    b_.push_back(b);
    if (a_.size() == size) check();
  }
  void check() {
    checked_ += a_.size();
    a_.resize(size, 1);
    b_.resize(size, 1);
    std::vector<float> given(size);
    HWY_DYNAMIC_DISPATCH(divide)(a_.data(), b_.data(), given.data(), size);
    for (std::size_t i = 0; i < size; ++i) {
      const float expected = a_[i] / b_[i];
      const bool same = std::isnan(expected)
                            ? std::isnan(given[i])
                            : std::bit_cast<std::uint32_t>(given[i]) == std::bit_cast<std::uint32_t>(expected);
      if (!same) ADD_FAILURE() << std::hexfloat << a_[i] << " / " << b_[i] << ": " << given[i] << ", not " << expected;
    }
    a_.clear();
    b_.clear();
  }
  std::size_t checked() const { return checked_; }

 private:
  static constexpr std::size_t size = 1024;
  std::vector<float> a_, b_;
  std::size_t checked_ = 0;
};

constexpr std::uint64_t least_integer = 1 << 23, too_large = 1 << 24;  // of the integers with 24 bits

/// The x below 2³² with b x = 1 modulo 2³², for an odd b, by Newton's method.
std::uint32_t inverse(std::uint32_t b) {
  std::uint32_t x = b;
  for (int i = 0; i < 4; ++i) x *= 2 - b * x;
  return x;
}

/// Adds the quotients that are nearest to the middle between two f32: a / b = M / 2ᵏ + N / (2ᵏ b) for a small N and an
/// odd M of 25 bits.
void add_hard(Pairs& pairs, std::uint64_t b, int k, std::int64_t n) {
  const int zeros = std::countr_zero(b);
  if (n % (1 << zeros) != 0) return;  // no M
  const std::uint64_t modulus = std::uint64_t{1} << (k - zeros);
  const auto odd = static_cast<std::uint32_t>(b >> zeros);
  std::uint64_t m = static_cast<std::uint64_t>(-n / (1 << zeros)) * inverse(odd) % modulus;
  for (; m < 2 * too_large; m += modulus) {
    const std::uint64_t a = (m * b + static_cast<std::uint64_t>(n)) >> k;
    if (m > too_large && m % 2 == 1 && a >= least_integer && a < too_large) {
      pairs.add(static_cast<float>(a), static_cast<float>(b));
    }
  }
}

// q = a y, with y = 1 / b correctly rounded, is wrong by 1½ units u of the last place at most, and its correction by
// 1½ u 2⁻²⁴. A quotient is |N| 2⁻²⁴ u / 2 or more from the middle between two f32, so that only |N| up to 3 could go
// wrong. These are all of them.
TEST(Quotient, IsCorrectlyRoundedWhereItIsHard) {
  Pairs pairs;
  for (std::uint64_t b = least_integer; b < too_large; ++b) {
    for (const int k : {24, 25}) {
      for (const std::int64_t n : {-3, -2, -1, 1, 2, 3}) add_hard(pairs, b, k, n);
    }
  }
  pairs.check();
  EXPECT_GT(pairs.checked(), 17'000'000U);
}

TEST(Quotient, IsCorrectlyRoundedForNumbersOfEverySize) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> integer(least_integer, too_large - 1);
  std::uniform_int_distribution<int> exponent_of_a(-76 - 23, 80), exponent_of_b(-126 - 23, 100 - 24);
  for_each_instruction_set([&] {
    Pairs pairs;
    for (int i = 0; i < 500'000; ++i) {
      const float a = std::ldexp(static_cast<float>(integer(random)), exponent_of_a(random));
      const float b = std::ldexp(static_cast<float>(integer(random)), exponent_of_b(random));
      if (std::isfinite(a / b)) pairs.add(i % 2 == 0 ? a : -a, b);
    }
    pairs.check();
  });
}

TEST(Quotient, IsThatOfTheProcessorForZerosInfinitiesAndWhatIsNoNumber) {
  using Limits = std::numeric_limits<float>;
  for_each_instruction_set([&] {
    Pairs pairs;
    for (const float b :
         {0.0F, 1e-40F, Limits::min(), 1e-7F, 1.0F, 0x1p100F, Limits::infinity(), Limits::quiet_NaN()}) {
      for (const float a : {0.0F, -0.0F, 0x1p-76F, -3.0F, Limits::quiet_NaN()}) pairs.add(a, b);
    }
    pairs.add(Limits::max(), 1.0F);
    pairs.add(Limits::infinity(), Limits::infinity());
    pairs.check();
  });
}

}  // namespace
}  // namespace wengert::kernels
#endif
