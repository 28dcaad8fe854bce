#pragma once

#include <array>
#include <cstdint>

/// The generator behind random numbers, block by block, to compare with.

namespace wengert {

constexpr std::uint32_t low_word(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high_word(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// Philox 4×32-10, from a 128-bit counter and a 64-bit key.
inline std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {high_word(product_1) ^ counter[1] ^ key[0], low_word(product_1),
               high_word(product_0) ^ counter[3] ^ key[1], low_word(product_0)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

/// `number` is the low half of the counter, `stream` the high half.
inline std::array<std::uint32_t, 4> philox_block(std::uint64_t key, std::uint64_t stream, std::uint64_t number) {
  return philox4x32({low_word(number), high_word(number), low_word(stream), high_word(stream)},
                    {low_word(key), high_word(key)});
}

}  // namespace wengert
