#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>

#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/random.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/random.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/narrowed-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Integers = hn::ScalableTag<std::uint64_t>;
using Integer = hn::Vec<Integers>;
using Doubles = hn::ScalableTag<double>;
using Double = hn::Vec<Doubles>;

// Of the paper's section 5.2: multipliers, and increments of the key (the golden ratio and √3 − 1, scaled by 2³²).
constexpr std::uint32_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
constexpr std::uint32_t weyl_0 = 0x9E3779B9, weyl_1 = 0xBB67AE85;
constexpr int rounds = 10;

constexpr std::uint32_t low_word(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high_word(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// So many blocks are made at a time, and the numbers from them while they are in the first-level cache.
constexpr std::size_t most_blocks = 128;

/// Of the lower half of each lane. The plain fallback has vectors of one number, which have no halves.
template <class D>
HWY_INLINE Integer product(D d, Integer x, std::uint32_t factor) {
  if constexpr (HWY_TARGET == HWY_SCALAR) {
    return hn::Set(d, std::uint64_t{low_word(hn::GetLane(x))} * factor);
  } else {
    const hn::Repartition<std::uint32_t, D> halves;
    return hn::MulEven(hn::BitCast(halves, x), hn::Set(halves, factor));
  }
}

/// Philox on one block per lane, whole vectors of them; each block as two integers of 64 bits. A word is the lower half
/// of a lane, and what stands above it is never looked at.
HWY_NOINLINE void make_blocks(const Stream& stream, std::size_t count, std::uint64_t* out) {
  const Integers d;
  const auto joined = [&](Integer low, Integer high)
                          HWY_ATTR { return hn::Or(hn::And(low, hn::Set(d, 0xFFFFFFFF)), hn::ShiftLeft<32>(high)); };
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const Integer number = hn::Add(hn::Set(d, stream.first_block + i), hn::Iota(d, 0));
    Integer word_0 = number, word_1 = hn::ShiftRight<32>(number), word_2 = hn::Set(d, stream.number),
            word_3 = hn::Set(d, high_word(stream.number));
    std::uint32_t key_0 = low_word(stream.key), key_1 = high_word(stream.key);
    for (int round = 0; round < rounds; ++round, key_0 += weyl_0, key_1 += weyl_1) {
      const Integer product_0 = product(d, word_0, multiplier_0);
      const Integer product_1 = product(d, word_2, multiplier_1);
      word_0 = hn::Xor3(hn::ShiftRight<32>(product_1), word_1, hn::Set(d, key_0));
      word_1 = product_1;
      word_2 = hn::Xor3(hn::ShiftRight<32>(product_0), word_3, hn::Set(d, key_1));
      word_3 = product_0;
    }
    hn::StoreInterleaved2(joined(word_0, word_1), joined(word_2, word_3), d, out + 2 * i);
  }
}

/// Calls make(integers of 64 bits, how many of them, the numbers to make of them) for parts of the stream.
template <std::size_t of_block, typename T, typename F>
void fill(std::span<T> out, Stream stream, F make) {
  HWY_ALIGN std::array<std::uint64_t, 2 * most_blocks> integers;
  HWY_ALIGN std::array<T, of_block * most_blocks> numbers;
  for (; !out.empty(); stream.first_block += most_blocks) {
    const std::size_t count = std::min(out.size(), numbers.size());
    const std::size_t blocks = hwy::RoundUpTo((count + of_block - 1) / of_block, hn::Lanes(Integers()));
    make_blocks(stream, blocks, integers.data());
    make(integers.data(), 2 * blocks, numbers.data());
    std::copy_n(numbers.begin(), count, out.begin());
    out = out.subspan(count);
  }
}

void fill_integers(std::span<std::uint64_t> out, const Stream& stream) {
  fill<1>(out, stream, [](const std::uint64_t* from, std::size_t count, std::uint64_t* to) HWY_ATTR {
    const Integers d;
    for (std::size_t i = 0; i < count; i += 2 * hn::Lanes(d)) {
      Integer first_half, second_half;
      hn::LoadInterleaved2(d, from + i, first_half, second_half);
      hn::Store(first_half, d, to + i / 2);
    }
  });
}

/// x becomes start + factor x, or `most` where that is more.
template <typename T>
HWY_NOINLINE void scale(T* x, std::size_t count, double start, double factor, T most) {
  const Doubles d;
  const hn::Rebind<T, Doubles> narrow;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto scaled = [&](Double old)
                            HWY_ATTR { return hn::Add(hn::Set(d, start), hn::Mul(hn::Set(d, factor), old)); };
    const auto old = hn::Load(narrow, x + i);
    if constexpr (sizeof(T) == sizeof(double)) {
      hn::Store(hn::Min(scaled(old), hn::Set(d, most)), d, x + i);
    } else {
      hn::Store(hn::Min(narrowed(scaled(hn::PromoteTo(d, old))), hn::Set(narrow, most)), narrow, x + i);
    }
  }
}

/// The largest number that is less than `high`, but not less than `low`.
template <typename T>
T most_below(double high, double low) {
  const auto bottom = static_cast<T>(low), top = static_cast<T>(high);
  return std::max(bottom, top < high ? top : std::nextafter(top, bottom));
}

/// Both halves of each lane.
template <class D>
HWY_INLINE void store_units(D d, Integer x, float* to) {
  if constexpr (HWY_TARGET == HWY_SCALAR) {
    const std::uint64_t lane = hn::GetLane(x);
    to[0] = static_cast<float>(low_word(lane) >> 8) * 0x1p-24F;
    to[1] = static_cast<float>(high_word(lane) >> 8) * 0x1p-24F;
  } else {
    const auto upper = hn::ShiftRight<8>(hn::BitCast(hn::RebindToUnsigned<D>(), x));
    hn::Store(hn::Mul(hn::ConvertTo(d, hn::BitCast(hn::RebindToSigned<D>(), upper)), hn::Set(d, 0x1p-24F)), d, to);
  }
}

void fill_uniform_f32(std::span<float> out, const Stream& stream, double low, double high) {
  const float most = most_below<float>(high, low);
  fill<4>(out, stream, [=](const std::uint64_t* from, std::size_t count, float* to) HWY_ATTR {
    for (std::size_t i = 0; i < count; i += hn::Lanes(Integers()))
      store_units(hn::ScalableTag<float>(), hn::Load(Integers(), from + i), to + 2 * i);
    scale(to, 2 * count, low, high - low, most);
  });
}

HWY_INLINE Double unit(Integer x) {
  const Doubles d;
  const auto upper = hn::ConvertTo(d, hn::BitCast(hn::RebindToSigned<Doubles>(), hn::ShiftRight<11>(x)));
  return hn::Mul(upper, hn::Set(d, 0x1p-53));
}

void fill_uniform_f64(std::span<double> out, const Stream& stream, double low, double high) {
  const double most = most_below<double>(high, low);
  fill<2>(out, stream, [=](const std::uint64_t* from, std::size_t count, double* to) HWY_ATTR {
    for (std::size_t i = 0; i < count; i += hn::Lanes(Integers()))
      hn::Store(unit(hn::Load(Integers(), from + i)), Doubles(), to + i);
    scale(to, count, low, high - low, most);
  });
}

/// Horner's rule, each product and sum rounded: not every machine has them fused.
template <std::size_t N>
HWY_INLINE Double polynomial(Double x, const std::array<double, N>& coefficients) {
  const Doubles d;
  Double sum = hn::Set(d, coefficients[N - 1]);
  for (std::size_t i = N - 1; i-- > 0;) sum = hn::Add(hn::Mul(sum, x), hn::Set(d, coefficients[i]));
  return sum;
}

/// Natural logarithm of x in [2⁻⁵³, 1]: x = m · 2ᵉ with m in [√½, √2), and ln m = 2 artanh((m − 1) / (m + 1)), whose
/// series in s² ≤ 0.03 is cut below 2⁻⁵³.
HWY_INLINE Double log_unit(Double x) {
  static constexpr std::array<double, 12> artanh = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                                    1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23};
  const Doubles d;
  const Integers bits;
  const Double one = hn::Set(d, 1), two = hn::Set(d, 2);
  const Integer of_x = hn::BitCast(bits, x);
  const Double half_to_one =
      hn::BitCast(d, hn::Or(hn::And(of_x, hn::Set(bits, 0x000FFFFFFFFFFFFF)), hn::Set(bits, 0x3FE0000000000000)));
  const Double binade =
      hn::Sub(hn::ConvertTo(d, hn::BitCast(hn::RebindToSigned<Doubles>(), hn::ShiftRight<52>(of_x))), hn::Set(d, 1022));
  const auto is_small = hn::Lt(half_to_one, hn::Set(d, std::numbers::sqrt2 / 2));
  const Double m = hn::IfThenElse(is_small, hn::Add(half_to_one, half_to_one), half_to_one);
  const Double exponent = hn::IfThenElse(is_small, hn::Sub(binade, one), binade);
  const Double s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  return hn::Add(hn::Mul(exponent, hn::Set(d, std::numbers::ln2)),
                 hn::Mul(hn::Mul(two, s), polynomial(hn::Mul(s, s), artanh)));
}

struct CosSin {
  Double cosine, sine;
};

/// Of 2πv, v in [0, 1): v less the nearest quarter turn is exact; then the Taylor series on ±π/4.
HWY_INLINE CosSin cos_sin_turns(Double v) {
  static constexpr std::array<double, 9> cosine = {1.0,
                                                   -1.0 / 2,
                                                   1.0 / 24,
                                                   -1.0 / 720,
                                                   1.0 / 40320,
                                                   -1.0 / 3628800,
                                                   1.0 / 479001600,
                                                   -1.0 / 87178291200,
                                                   1.0 / 20922789888000};
  static constexpr std::array<double, 9> sine = {1.0,
                                                 -1.0 / 6,
                                                 1.0 / 120,
                                                 -1.0 / 5040,
                                                 1.0 / 362880,
                                                 -1.0 / 39916800,
                                                 1.0 / 6227020800,
                                                 -1.0 / 1307674368000,
                                                 1.0 / 355687428096000};
  const Doubles d;
  const Integers bits;
  const Double turned = hn::Trunc(hn::Add(hn::Mul(hn::Set(d, 4), v), hn::Set(d, 0.5)));
  const Double x = hn::Mul(hn::Set(d, 2 * std::numbers::pi), hn::Sub(v, hn::Mul(hn::Set(d, 0.25), turned)));
  const Double square = hn::Mul(x, x), c = polynomial(square, cosine), s = hn::Mul(x, polynomial(square, sine));

  // After one quarter turn (c, s) is (−s, c), after two (−c, −s), after three (s, −c).
  const Integer quarters = hn::BitCast(bits, hn::ConvertTo(hn::RebindToSigned<Doubles>(), turned));
  const Integer one = hn::Set(bits, 1), two = hn::Set(bits, 2);
  const auto is_odd = hn::RebindMask(d, hn::TestBit(quarters, one));
  const auto negative = [&](Integer turns) HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<62>(hn::And(turns, two))); };
  return {hn::Xor(hn::IfThenElse(is_odd, s, c), negative(hn::Add(quarters, one))),
          hn::Xor(hn::IfThenElse(is_odd, c, s), negative(quarters))};
}

/// Standard normal numbers of whole vectors of blocks.
HWY_NOINLINE void transform(const std::uint64_t* from, std::size_t count, double* to) {
  const Doubles d;
  for (std::size_t i = 0; i < count; i += 2 * hn::Lanes(d)) {
    Integer of_radius, of_angle;
    hn::LoadInterleaved2(Integers(), from + i, of_radius, of_angle);
    const Double positive = hn::Sub(hn::Set(d, 1), unit(of_radius));  // in (0, 1]
    const Double radius = hn::Sqrt(hn::Mul(hn::Set(d, -2), log_unit(positive)));
    const CosSin angle = cos_sin_turns(unit(of_angle));
    hn::StoreInterleaved2(hn::Mul(radius, angle.cosine), hn::Mul(radius, angle.sine), d, to + i);
  }
}

void fill_normal_f64(std::span<double> out, const Stream& stream, double mean, double deviation) {
  fill<2>(out, stream, [=](const std::uint64_t* from, std::size_t count, double* to) HWY_ATTR {
    transform(from, count, to);
    scale(to, count, mean, deviation, std::numeric_limits<double>::infinity());
  });
}

void fill_normal_f32(std::span<float> out, const Stream& stream, double mean, double deviation) {
  fill<2>(out, stream, [=](const std::uint64_t* from, std::size_t count, float* to) HWY_ATTR {
    HWY_ALIGN std::array<double, 2 * most_blocks> numbers;
    transform(from, count, numbers.data());
    const hn::Rebind<float, Doubles> d;
    for (std::size_t i = 0; i < count; i += hn::Lanes(d))
      hn::Store(narrowed(hn::Load(Doubles(), &numbers[i])), d, to + i);
    scale(to, count, mean, deviation, std::numeric_limits<float>::infinity());
  });
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

HWY_EXPORT(fill_integers);
HWY_EXPORT(fill_uniform_f32);
HWY_EXPORT(fill_uniform_f64);
HWY_EXPORT(fill_normal_f32);
HWY_EXPORT(fill_normal_f64);

}  // namespace

void fill_integers(std::span<std::uint64_t> out, const Stream& stream) {
  HWY_DYNAMIC_DISPATCH(fill_integers)(out, stream);
}

void fill_uniform(std::span<float> out, const Stream& stream, double low, double high) {
  HWY_DYNAMIC_DISPATCH(fill_uniform_f32)(out, stream, low, high);
}
void fill_uniform(std::span<double> out, const Stream& stream, double low, double high) {
  HWY_DYNAMIC_DISPATCH(fill_uniform_f64)(out, stream, low, high);
}

void fill_normal(std::span<float> out, const Stream& stream, double mean, double deviation) {
  HWY_DYNAMIC_DISPATCH(fill_normal_f32)(out, stream, mean, deviation);
}
void fill_normal(std::span<double> out, const Stream& stream, double mean, double deviation) {
  HWY_DYNAMIC_DISPATCH(fill_normal_f64)(out, stream, mean, deviation);
}

}  // namespace wengert::kernels
#endif
