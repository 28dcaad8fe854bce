#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Many random numbers at a time. The same stream gives the same bits on every machine.

namespace wengert::kernels {

/// Of blocks of Philox (philox.h), from the one with that number on.
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
