#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace wengert {

/// A literal number next to a tensor (`x * 0.5`, `2 - x`). It has no dtype of its own: it takes the tensor's.
class Number {
 public:
  template <typename T>
    requires std::is_arithmetic_v<T>
  Number(T value)  // NOLINT(google-explicit-constructor): `x * 0.5` is the point
      : real_(static_cast<double>(value)), integer_(0), integral_(std::is_integral_v<T>) {
    if constexpr (std::is_integral_v<T>) integer_ = static_cast<std::int64_t>(value);
  }

  bool is_integral() const { return integral_; }
  double real() const { return real_; }
  std::int64_t integer() const { return integer_; }

 private:
  double real_;
  std::int64_t integer_;
  bool integral_;
};

}  // namespace wengert
