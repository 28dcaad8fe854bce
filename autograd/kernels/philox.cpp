#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <utility>

#include <wengert/autograd/kernels/philox.h>

namespace wengert::kernels {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Multipliers and Weyl increments of the paper's section 5.2 (the golden ratio and √3 − 1, scaled by 2³²).
constexpr std::uint32_t multiplier_0 = 0xD2511F53;
constexpr std::uint32_t multiplier_1 = 0xCD9E8D57;
constexpr std::uint32_t weyl_0 = 0x9E3779B9;
constexpr std::uint32_t weyl_1 = 0xBB67AE85;
constexpr int rounds = 10;

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

float unit_f32(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

double unit_f64(std::uint32_t first, std::uint32_t second) {
  const std::uint64_t word = (std::uint64_t{second} << 32) | first;
  return static_cast<double>(word >> 11) * 0x1p-53;
}

// Horner's rule.
template <std::size_t N>
double polynomial(double x, const std::array<double, N>& coefficients) {
  double sum = 0;
  for (std::size_t i = N; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// Natural logarithm of x in [2⁻⁵³, 1]: x = m · 2ᵉ with m in [√½, √2), and ln m = 2 artanh((m − 1) / (m + 1)), whose
// series in s² ≤ 0.03 is cut below 2⁻⁵³.
double log_unit(double x) {
  static constexpr std::array<double, 12> artanh = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                                    1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23};
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < std::numbers::sqrt2 / 2) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1);
  return exponent * std::numbers::ln2 + 2 * s * polynomial(s * s, artanh);
}

// Cosine and sine of 2πv, v in [0, 1): v less the nearest quarter turn is exact; then the Taylor series on ±π/4.
std::pair<double, double> cos_sin_turns(double v) {
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
  const int quarter = static_cast<int>(4 * v + 0.5);
  const double x = 2 * std::numbers::pi * (v - 0.25 * quarter);
  const double c = polynomial(x * x, cosine);
  const double s = x * polynomial(x * x, sine);
  switch (quarter % 4) {
    case 0: return {c, s};
    case 1: return {-s, c};
    case 2: return {-c, -s};
    default: return {s, -c};
  }
}

std::array<double, 2> normal_pair(const Block& words) {
  const double u = unit_f64(words[0], words[1]);
  const double v = unit_f64(words[2], words[3]);
  const double radius = std::sqrt(-2 * log_unit(1 - u));  // 1 − u lies in (0, 1]
  const auto [cosine, sine] = cos_sin_turns(v);
  return {radius * cosine, radius * sine};
}

// Fills `out` with what `numbers_of` makes of the stream's blocks; the last block may be used in part.
template <typename T, typename F>
void fill(T* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first, F numbers_of) {
  std::uint64_t block = first;
  for (std::int64_t done = 0; done < count; ++block) {
    const auto numbers = numbers_of(philox_block(key, stream, block));
    const auto taken = std::min<std::int64_t>(count - done, static_cast<std::int64_t>(numbers.size()));
    for (std::int64_t i = 0; i < taken; ++i) out[done + i] = static_cast<T>(numbers[static_cast<std::size_t>(i)]);
    done += taken;
  }
}

}  // namespace

Block philox4x32(Block counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t product_0 = std::uint64_t{multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{multiplier_1} * counter[2];
    counter = {high(product_1) ^ counter[1] ^ key[0], low(product_1), high(product_0) ^ counter[3] ^ key[1],
               low(product_0)};
    key = {key[0] + weyl_0, key[1] + weyl_1};
  }
  return counter;
}

Block philox_block(std::uint64_t key, std::uint64_t stream, std::uint64_t number) {
  return philox4x32({low(number), high(number), low(stream), high(stream)}, {low(key), high(key)});
}

void fill_uniform(float* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first) {
  fill(out, count, key, stream, first, [](const Block& words) {
    return std::array{unit_f32(words[0]), unit_f32(words[1]), unit_f32(words[2]), unit_f32(words[3])};
  });
}

void fill_uniform(double* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first) {
  fill(out, count, key, stream, first, [](const Block& words) {
    return std::array{unit_f64(words[0], words[1]), unit_f64(words[2], words[3])};
  });
}

void fill_normal(float* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first) {
  fill(out, count, key, stream, first, normal_pair);
}

void fill_normal(double* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first) {
  fill(out, count, key, stream, first, normal_pair);
}

}  // namespace wengert::kernels
