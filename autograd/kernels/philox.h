#pragma once

#include <array>
#include <cstdint>

namespace wengert::kernels {

/// Philox 4×32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
/// 1, 2, 3" (SC 2011): four random words as a pure function of a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// One block of a stream: `number` is the low half of the Philox counter, `stream` the high half.
std::array<std::uint32_t, 4> philox_block(std::uint64_t key, std::uint64_t stream, std::uint64_t number);

/// Of the paper's section 5.2: multipliers, and increments of the key (the golden ratio and √3 − 1, scaled by 2³²).
namespace philox {
constexpr std::uint32_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
constexpr std::uint32_t weyl_0 = 0x9E3779B9, weyl_1 = 0xBB67AE85;
constexpr int rounds = 10;
constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }
}  // namespace philox

}  // namespace wengert::kernels
