#pragma once

#include <cstdint>

#include <wengert/autograd/slot.h>
#include <wengert/autograd/tensor.h>

namespace wengert {

/// A stream of random numbers: Philox 4×32-10 whose key is the seed and whose counter is (position, stream). Equal
/// seeds give equal bits on every machine. A copy goes on by itself from where the original stood.
///
/// What it stands at is a slot: a compiled function that draws from a generator of outside draws anew at every call, as
/// it does uncompiled. Only by `uniform` and `normal`, though: what the host reads, as for a `permutation`, would be
/// frozen, and throws ValueError.
class Generator {
 public:
  /// `stream` tells apart independent sequences of one seed (one per parameter, one per epoch).
  explicit Generator(std::uint64_t seed = 0, std::uint64_t stream = 0);
  Generator(const Generator& other);
  Generator& operator=(const Generator& other);
  ~Generator() = default;

  /// The next 64 random bits: half a block.
  std::uint64_t next();
  /// Uniform on 0 … bound−1, without bias. Throws ValueError for bound = 0.
  std::uint64_t below(std::uint64_t bound);

  std::uint64_t seed() const;
  std::uint64_t stream() const;
  /// How many blocks of 128 bits were drawn; may be set, to go on where another run ended.
  std::uint64_t position() const;
  void set_position(std::uint64_t position);
  /// All three, i64 [3], as a slot of this generator: for who saves and sets it with others.
  const Slot& state() const { return state_; }

 private:
  friend Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype);
  friend Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator, DType dtype);
  friend Tensor permutation(std::int64_t n, Generator& generator);
  class Counter;
  /// Seed, stream and position as they are now, i64 [3]; and moves on by `blocks`.
  Tensor advance(std::uint64_t blocks);
  Counter counter(const char* what, std::int64_t draws = 1) const;
  void set(const Counter& counter);

  Slot state_;
};

/// Numbers uniform on [low, high), f32 or f64. Throw DTypeError for integers, ValueError for bounds that are not finite
/// or in the wrong order.
Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype = DType::f32);
/// Normally distributed numbers. The same errors; `deviation` must not be negative.
Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator, DType dtype = DType::f32);
/// 0 … n−1 in random order (Fisher–Yates), i64. Throws ValueError within a compiled function, unless that made the
/// generator.
Tensor permutation(std::int64_t n, Generator& generator);

}  // namespace wengert
