#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <wengert/autograd/kernels/program.h>

namespace wengert {

/// A symbolic number. A pointwise operation's formula is ordinary code on `Scalar`s; running it once writes down the
/// scalar instructions it is made of. That list is what is run, differentiated and fused.
class Scalar {
 public:
  /// A literal within a formula.
  Scalar(double value);  // NOLINT(google-explicit-constructor): `1 - x` is the point
  std::uint16_t value() const { return value_; }

 private:
  friend class Tracer;
  struct Index {
    std::uint16_t value;
  };
  explicit Scalar(Index index) : value_(index.value) {}
  std::uint16_t value_;
};

Scalar operator+(Scalar a, Scalar b);
Scalar operator-(Scalar a, Scalar b);
Scalar operator*(Scalar a, Scalar b);
Scalar operator/(Scalar a, Scalar b);
Scalar operator-(Scalar a);
Scalar operator<(Scalar a, Scalar b);
Scalar operator<=(Scalar a, Scalar b);
Scalar operator>(Scalar a, Scalar b);
Scalar operator>=(Scalar a, Scalar b);
Scalar operator==(Scalar a, Scalar b);
Scalar operator!=(Scalar a, Scalar b);
Scalar operator!(Scalar a);
Scalar operator&&(Scalar a, Scalar b);
Scalar operator||(Scalar a, Scalar b);

// One function per primitive (kernels/program.h says what each means).
Scalar fma(Scalar a, Scalar b, Scalar c);
Scalar abs(Scalar a);
Scalar minimum(Scalar a, Scalar b);
Scalar maximum(Scalar a, Scalar b);
Scalar sqrt(Scalar a);
Scalar exp(Scalar a);
Scalar expm1(Scalar a);
Scalar log(Scalar a);
Scalar log1p(Scalar a);
Scalar sin(Scalar a);
Scalar cos(Scalar a);
Scalar tan(Scalar a);
Scalar asin(Scalar a);
Scalar acos(Scalar a);
Scalar atan(Scalar a);
Scalar sinh(Scalar a);
Scalar cosh(Scalar a);
Scalar tanh(Scalar a);
/// 1 / (1 + e⁻ᵃ), without overflow, relatively exact in both tails.
Scalar logistic(Scalar a);
Scalar asinh(Scalar a);
Scalar acosh(Scalar a);
Scalar atanh(Scalar a);
Scalar erf(Scalar a);
Scalar erfc(Scalar a);
/// The distribution function of the standard normal distribution, ½ erfc(−a/√2), relatively exact in the lower tail.
Scalar normal_cdf(Scalar a);
Scalar pow(Scalar a, Scalar b);
Scalar atan2(Scalar a, Scalar b);
Scalar hypot(Scalar a, Scalar b);
Scalar floor(Scalar a);
Scalar ceil(Scalar a);
Scalar round(Scalar a);
Scalar copy_sign(Scalar magnitude, Scalar sign);
Scalar is_finite(Scalar a);
Scalar is_nan(Scalar a);
/// condition ? a : b. Both are computed: write them so that both stay finite, in value and derivative, where the other
/// is taken (0 · inf would be NaN).
Scalar select(Scalar condition, Scalar a, Scalar b);

/// A formula: a function from Scalars to a Scalar, or to several (`std::array<Scalar, n>`), traced when needed.
class Formula {
 public:
  Formula() = default;
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Formula>)
      Formula(F function)  // NOLINT(google-explicit-constructor): a lambda is the formula
      : Formula(function, &F::operator()) {}

  explicit operator bool() const { return trace_ != nullptr; }
  std::size_t parameters() const { return parameters_; }
  std::vector<Scalar> operator()(std::span<const Scalar> arguments) const { return trace_(function_.get(), arguments); }

 private:
  template <typename F, typename R, typename... Parameters>
  Formula(F function, R (F::*)(Parameters...) const) : parameters_(sizeof...(Parameters)) {
    using Indices = std::index_sequence_for<Parameters...>;
    // Most hold nothing, and need not be kept: that takes less code than a std::function.
    if constexpr (std::is_empty_v<F> && std::is_default_constructible_v<F>) {
      trace_ = [](const void*, std::span<const Scalar> arguments) { return trace(F(), arguments, Indices()); };
    } else {
      function_ = std::make_shared<const F>(std::move(function));
      trace_ = [](const void* object, std::span<const Scalar> arguments) {
        return trace(*static_cast<const F*>(object), arguments, Indices());
      };
    }
  }

  template <typename F, std::size_t... i>
  static std::vector<Scalar> trace(const F& function, std::span<const Scalar> arguments, std::index_sequence<i...>) {
    const auto result = function(arguments[i]...);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(result)>, Scalar>)
      return {result};
    else
      return {result.begin(), result.end()};
  }

  std::size_t parameters_ = 0;
  std::vector<Scalar> (*trace_)(const void* object, std::span<const Scalar> arguments) = nullptr;
  std::shared_ptr<const void> function_;
};

}  // namespace wengert
