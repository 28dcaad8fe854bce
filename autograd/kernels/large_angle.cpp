#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <utility>

#include <wengert/autograd/kernels/large_angle.h>

namespace wengert::kernels::math {
namespace {

// 2/π in binary, after a word of zeros: word i counts 2^(−64 i).
constexpr std::array<std::uint64_t, 21> two_over_pi = {0,
                                                       0xa2f9836e4e441529,
                                                       0xfc2757d1f534ddc0,
                                                       0xdb6295993c439041,
                                                       0xfe5163abdebbc561,
                                                       0xb7246e3a424dd2e0,
                                                       0x06492eea09d1921c,
                                                       0xfe1deb1cb129a73e,
                                                       0xe88235f52ebb4484,
                                                       0xe99c7026b45f7e41,
                                                       0x3991d639835339f4,
                                                       0x9c845f8bbdf9283b,
                                                       0x1ff897ffde05980f,
                                                       0xef2f118b5a0a6d1f,
                                                       0x6d367ecf27cb09b7,
                                                       0x4f463f669e5fea2d,
                                                       0x7527bac7ebe5f17b,
                                                       0x3d0739f78a5292ea,
                                                       0x6bfb5fb11f8d5d08,
                                                       0x56033046fc7b6bab,
                                                       0xf0cfbc209af4361d};

__extension__ typedef unsigned __int128 Wide;  // NOLINT(modernize-use-using): no pedantic alias of this type

/// A number of 192 bits, the highest word first. What does not fit is dropped.
using Words = std::array<std::uint64_t, 3>;

/// Bits `first` … `first` + 191 of the table.
Words bits_of_table(std::size_t first) {
  const std::size_t word = first / 64;
  const std::size_t shift = first % 64;
  Words result;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const Wide pair = Wide{two_over_pi[word + i]} << 64 | two_over_pi[word + i + 1];
    result[i] = static_cast<std::uint64_t>(pair << shift >> 64);
  }
  return result;
}

Words multiply(const Words& x, std::uint64_t factor) {
  Words result;
  Wide carry = 0;
  for (std::size_t i = result.size(); i-- > 0;) {
    const Wide sum = Wide{x[i]} * factor + carry;
    result[i] = static_cast<std::uint64_t>(sum);
    carry = sum >> 64;
  }
  return result;
}

Words shift_left(const Words& x, unsigned count) {
  if (count == 0) return x;
  const unsigned rest = 64 - count;
  return {x[0] << count | x[1] >> rest, x[1] << count | x[2] >> rest, x[2] << count};
}

Words negate(const Words& x) {
  Words result;
  Wide carry = 1;
  for (std::size_t i = result.size(); i-- > 0;) {
    carry += ~x[i];
    result[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  return result;
}

/// The two halves of x · 2^−192 as doubles: 53 bits, and what follows them.
std::pair<double, double> to_doubles(Words x) {
  int exponent = -64;
  if (x[0] == 0) {
    x = {x[1], x[2], 0};
    exponent -= 64;
  }
  const int zeros = std::countl_zero(x[0]);
  x = shift_left(x, static_cast<unsigned>(zeros) % 64);
  const std::uint64_t high = x[0] >> 11 << 11;
  const std::uint64_t low = (x[0] << 53) | (x[1] >> 11);
  return {std::ldexp(static_cast<double>(high), exponent - zeros),
          std::ldexp(static_cast<double>(low), exponent - zeros - 53)};
}

struct LargeAngle {
  double r, low;
  std::uint64_t quadrant;
};

LargeAngle reduce_large_angle(double x) {
  // |x| = m 2ᵉ. Of 2/π, bits that count 2^(2 − e) or more make multiples of 4 with it, and are left out; of the
  // product, the highest two bits of the 192 that are kept are n modulo 4, the others the fraction.
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t m = (bits & 0x000FFFFFFFFFFFFF) | 0x0010000000000000;
  const int e = static_cast<int>(bits >> 52 & 0x7FF) - 1075;
  const Words product = multiply(bits_of_table(static_cast<std::size_t>(64 + e - 2)), m);
  std::uint64_t quadrant = product[0] >> 62;
  Words fraction = shift_left(product, 2);
  const bool rounds_up = fraction[0] >> 63 != 0;
  if (rounds_up) {
    fraction = negate(fraction);
    ++quadrant;
  }
  const auto [high, low] = to_doubles(fraction);

  constexpr double half_pi = 0x1.921fb54442d18p0;
  constexpr double half_pi_low = 0x1.1a62633145c07p-54;
  const double product_high = high * half_pi;
  const double rest = std::fma(high, half_pi, -product_high) + (high * half_pi_low + low * half_pi);
  const double r = product_high + rest;
  const double r_low = (product_high - r) + rest;
  const bool is_negative = (bits >> 63) != 0;
  const double sign = rounds_up != is_negative ? -1.0 : 1.0;
  return {sign * r, sign * r_low, is_negative ? 0 - quadrant : quadrant};
}

}  // namespace

void reduce_large_angles(const double* x, std::size_t count, double border, double* r, double* low,
                         std::uint64_t* quadrant) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!(std::abs(x[i]) > border) || std::isinf(x[i])) continue;
    const LargeAngle reduced = reduce_large_angle(x[i]);
    r[i] = reduced.r;
    low[i] = reduced.low;
    quadrant[i] = reduced.quadrant;
  }
}

}  // namespace wengert::kernels::math
