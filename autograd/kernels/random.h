#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Many random numbers at a time. The same stream gives the same bits on every machine.

namespace wengert::kernels {

/// Blocks of four words of 32 bits by Philox 4×32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw,
/// "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011): pure functions of a key of 64 bits and a counter of 128,
/// whose low half counts the blocks from the first one on, and whose high half is the stream's number.
struct Stream {
  std::uint64_t key, number, first_block = 0;
};

/// Numbers that one block makes: 128 bits of uniform ones, or two normal ones.
constexpr std::size_t uniforms_of_block(std::size_t size_of_number) { return 16 / size_of_number; }
constexpr std::size_t normals_of_block = 2;

/// Fills `out` with the first 64 bits of each block.
void fill_integers(std::span<std::uint64_t> out, const Stream& stream);

/// Fills `out` with numbers uniform on [low, high), made of numbers u on [0, 1) from all words of the blocks: f32 takes
/// the upper 24 bits of one word, f64 the upper 53 bits of two (the first is the low one). low + u (high − low) is
/// computed in f64; where that rounds up to high, the largest number below it is meant.
void fill_uniform(std::span<float> out, const Stream& stream, double low = 0, double high = 1);
void fill_uniform(std::span<double> out, const Stream& stream, double low = 0, double high = 1);

/// Fills `out` with mean + deviation z. The standard normal numbers z are made by the Box–Muller transform (Box and
/// Muller, "A Note on the Generation of Random Normal Deviates", 1958): from the two f64 uniforms u, v of a block come
/// √(−2 ln(1−u)) · cos 2πv and √(−2 ln(1−u)) · sin 2πv. Computed in f64 from the four arithmetic operations and the
/// square root alone, so that these bits too are the same on every machine; in f32 z is the f64 number rounded.
void fill_normal(std::span<float> out, const Stream& stream, double mean = 0, double deviation = 1);
void fill_normal(std::span<double> out, const Stream& stream, double mean = 0, double deviation = 1);

}  // namespace wengert::kernels
