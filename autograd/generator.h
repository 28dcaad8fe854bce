#pragma once

#include <cstdint>

#include <wengert/autograd/tensor.h>

namespace wengert {

/// A stream of random numbers: Philox 4×32-10 whose key is the seed and whose counter is (position, stream). Equal
/// seeds give equal bits on every machine.
class Generator {
 public:
  /// `stream` tells apart independent sequences of one seed (one per parameter, one per epoch).
  explicit Generator(std::uint64_t seed = 0, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// The next 64 random bits: half a block.
  std::uint64_t next();
  /// Uniform on 0 … bound−1, without bias. Throws ValueError for bound = 0.
  std::uint64_t below(std::uint64_t bound);

  std::uint64_t seed() const { return seed_; }
  std::uint64_t stream() const { return stream_; }
  /// How many blocks of 128 bits were drawn; may be set, to go on where another run ended.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }

  /// Moves on by `blocks` and gives the position before.
  std::uint64_t advance(std::uint64_t blocks);

 private:
  std::uint64_t seed_, stream_, position_ = 0;
};

/// Numbers uniform on [low, high), f32 or f64. Throw DTypeError for integers, ValueError for bounds that are not finite
/// or in the wrong order.
Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype = DType::f32);
/// Normally distributed numbers. The same errors; `deviation` must not be negative.
Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator, DType dtype = DType::f32);
/// 0 … n−1 in random order (Fisher–Yates), i64.
Tensor permutation(std::int64_t n, Generator& generator);

}  // namespace wengert
