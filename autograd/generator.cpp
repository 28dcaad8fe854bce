#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/kernels/philox.h>
#include <wengert/autograd/operation.h>

namespace wengert {
namespace {

void require_floating(const char* what, DType dtype) {
  if (!is_floating(dtype)) throw DTypeError(fmt::format("{}: dtype {}; expected f32 or f64", what, name_of(dtype)));
}

/// Whether a number is finite, and stays so as an element of `dtype`.
bool is_finite(double value, DType dtype) {
  return std::isfinite(dtype == DType::f32 ? static_cast<double>(static_cast<float>(value)) : value);
}

/// Blocks of 128 bits that `count` numbers of `bits` each take.
std::uint64_t blocks(std::int64_t count, unsigned bits) {
  const std::uint64_t per_block = 128 / bits;
  return (static_cast<std::uint64_t>(count) + per_block - 1) / per_block;
}

}  // namespace

std::uint64_t Generator::advance(std::uint64_t blocks) { return std::exchange(position_, position_ + blocks); }

std::uint64_t Generator::next() {
  const auto words = kernels::philox_block(seed_, stream_, advance(1));
  return std::uint64_t{words[1]} << 32 | words[0];
}

std::uint64_t Generator::below(std::uint64_t bound) {
  if (bound == 0) throw ValueError("below: the bound is 0; expected 1 or more");
  // 2⁶⁴ mod bound: so many of the smallest numbers are drawn again, and each remainder is left equally often.
  const std::uint64_t surplus = (std::numeric_limits<std::uint64_t>::max() - bound + 1) % bound;
  std::uint64_t drawn = next();
  while (drawn < surplus) drawn = next();
  return drawn % bound;
}

Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype) {
  require_floating("uniform", dtype);
  if (!is_finite(low, dtype) || !is_finite(high, dtype) || !is_finite(high - low, dtype) || low > high) {
    throw ValueError(fmt::format("uniform: bounds {} and {}; expected finite numbers in ascending order", low, high));
  }
  Tensor result = empty(shape, dtype);
  dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_floating_point_v<T>) {
      const std::span<T> elements = writable<T>(result);
      const auto first = generator.advance(blocks(result.size(), 8 * sizeof(T)));
      kernels::fill_uniform(elements.data(), result.size(), generator.seed(), generator.stream(), first);
      // Where low + u · (high − low) rounds up to high, the largest number below it is meant.
      const auto bottom = static_cast<T>(low);
      const T top = std::max(bottom, std::nextafter(static_cast<T>(high), bottom));
      for (T& u : elements) u = std::min(static_cast<T>(low + static_cast<double>(u) * (high - low)), top);
    }
  });
  return result;
}

Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator, DType dtype) {
  require_floating("normal", dtype);
  if (!is_finite(mean, dtype) || !is_finite(deviation, dtype) || deviation < 0) {
    throw ValueError(fmt::format(
        "normal: mean {} and deviation {}; expected finite numbers, the deviation not negative", mean, deviation));
  }
  Tensor result = empty(shape, dtype);
  dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_floating_point_v<T>) {
      const std::span<T> elements = writable<T>(result);
      const auto first = generator.advance(blocks(result.size(), 64));  // two f64 uniforms make two numbers
      kernels::fill_normal(elements.data(), result.size(), generator.seed(), generator.stream(), first);
      for (T& z : elements) z = static_cast<T>(mean + deviation * static_cast<double>(z));
    }
  });
  return result;
}

Tensor permutation(std::int64_t n, Generator& generator) {
  if (n < 0) throw ValueError(fmt::format("permutation: of {} numbers; expected 0 or more", n));
  Tensor result = empty({n}, DType::i64);
  const std::span<std::int64_t> order = writable<std::int64_t>(result);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[generator.below(i)]);
  return result;
}

}  // namespace wengert
