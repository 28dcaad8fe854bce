#pragma once

#include <array>
#include <cstdint>

namespace wengert::kernels {

/// Philox 4×32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
/// 1, 2, 3" (SC 2011): four random words as a pure function of a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Fills `out` with `count` numbers uniform on [0, 1): words (counter, block 0), (counter, block 1) … of the stream, f32 from
/// 24 bits of one word, f64 from 53 bits of two. The same key and counter give the same bits on every machine.
void fill_uniform(float* out, std::int64_t count, std::uint64_t key, std::uint64_t counter);
void fill_uniform(double* out, std::int64_t count, std::uint64_t key, std::uint64_t counter);

/// Fills `out` with standard normal numbers by the Box–Muller transform (computed in f64) of the same stream.
void fill_normal(float* out, std::int64_t count, std::uint64_t key, std::uint64_t counter);
void fill_normal(double* out, std::int64_t count, std::uint64_t key, std::uint64_t counter);

}  // namespace wengert::kernels
