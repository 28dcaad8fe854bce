#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wengert::kernels {

/// Philox 4×32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
/// 1, 2, 3" (SC 2011): four random words as a pure function of a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// One block of a stream: `number` is the low half of the Philox counter, `stream` the high half.
std::array<std::uint32_t, 4> philox_block(std::uint64_t key, std::uint64_t stream, std::uint64_t number);

/// Numbers that one block makes: 128 bits of uniform ones, or two normal ones.
constexpr std::size_t uniforms_of_block(std::size_t size_of_number) { return 16 / size_of_number; }
constexpr std::size_t normals_of_block = 2;

/// Fills `out` with `count` numbers uniform on [0, 1), from the words of a stream's blocks `first`, `first` + 1 … f32
/// takes the upper 24 bits of one word, f64 the upper 53 bits of two (the first is the low one). The same key and
/// stream give the same bits on every machine.
void fill_uniform(float* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first = 0);
void fill_uniform(double* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first = 0);

/// Fills `out` with standard normal numbers by the Box–Muller transform of the same stream (Box and Muller, "A Note on
/// the Generation of Random Normal Deviates", 1958): from the two f64 uniforms u, v of a block come the two numbers
/// √(−2 ln(1−u)) · cos 2πv and √(−2 ln(1−u)) · sin 2πv. Computed in f64 from the four arithmetic operations and the
/// square root alone, so that these bits too are the same on every machine; f32 is the f64 number rounded.
void fill_normal(float* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first = 0);
void fill_normal(double* out, std::int64_t count, std::uint64_t key, std::uint64_t stream, std::uint64_t first = 0);

}  // namespace wengert::kernels
