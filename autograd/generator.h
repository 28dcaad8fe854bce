#pragma once

#include <cstdint>

#include <wengert/autograd/tensor.h>

namespace wengert {

/// A stream of random numbers: Philox 4×32-10 with a seed and a position. Equal seeds give equal bits on every machine.
class Generator {
 public:
  /// `stream` tells apart independent sequences of one seed (one per parameter, one per epoch).
  explicit Generator(std::uint64_t seed = 0, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// The next 64 random bits.
  std::uint64_t next();
  /// Uniform on 0 … bound−1, without bias. bound > 0.
  std::uint64_t below(std::uint64_t bound);

  std::uint64_t seed() const { return seed_; }
  /// How many 128-bit blocks were drawn; may be set, to go on where another run ended.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }

  /// Moves on by `blocks` and gives the position before.
  std::uint64_t advance(std::uint64_t blocks);
  /// The Philox key: seed and stream mixed.
  std::uint64_t key() const;

 private:
  std::uint64_t seed_, stream_, position_ = 0;
};

/// Numbers uniform on [low, high), f32 or f64. Throw DTypeError for integers, ValueError for bounds that are not finite.
Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype = DType::f32);
/// Normally distributed numbers.
Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator, DType dtype = DType::f32);
/// 0 … n−1 in random order (Fisher–Yates), i64.
Tensor permutation(std::int64_t n, Generator& generator);

}  // namespace wengert
