#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

namespace wengert {

/// A literal number next to a tensor (`x * 0.5`, `2 - x`). It has no dtype of its own: it takes the tensor's.
class Number {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> Number(T value)  // NOLINT(google-explicit-constructor): `x * 0.5` is the point
      : real_(static_cast<double>(value)), integer_(0), integral_(false) {
    if constexpr (std::is_integral_v<T>) {
      integral_ = std::in_range<std::int64_t>(static_cast<Integer<T>>(value));
      integer_ = static_cast<std::int64_t>(value);
    }
  }

  /// An integer that `integer` gives exactly: one of 64 bits with sign.
  bool is_integral() const { return integral_; }
  double real() const { return real_; }
  /// Of an integer that is larger, its bits; of what is none, 0.
  std::int64_t integer() const { return integer_; }

 private:
  // in_range does not take bool and the character types.
  template <typename T>
  using Integer = std::conditional_t<std::is_unsigned_v<T>, std::uint64_t, std::int64_t>;

  double real_;
  std::int64_t integer_;
  bool integral_;
};

}  // namespace wengert
