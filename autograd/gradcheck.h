#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <wengert/autograd/operation.h>
#include <wengert/autograd/tensor.h>

/// Derivatives held against differences.

namespace wengert {

struct GradcheckOptions {
  /// 1: the gradient; 2: the gradient of the gradient.
  int order = 1;
  /// The largest error that passes, |a − n| / max(1, |a|, |n|) of analytic and numeric derivative. 0: 1e-6 at order 1,
  /// 1e-5 at order 2.
  double limit = 0;
  /// Values of an entry at which the derivative jumps: differences keep to one side of them, and an entry on one is
  /// skipped.
  std::vector<double> kinks = {};
  /// Of the random directions.
  std::uint64_t seed = 0;
};

struct GradcheckReport {
  /// An entry of an input, and what was found for it.
  struct Entry {
    std::size_t sample = 0;  ///< which of an operation's samples
    std::size_t input = 0;   ///< at order 2 the seeds of the inner gradient count as further inputs
    Ints index = {};
    double analytic = 0, numeric = 0;
    double uncertainty = 0;  ///< of `numeric`, estimated
  };

  bool passed = true;
  double max_relative_error = 0;
  Entry worst = {};
  std::size_t samples = 0;
  std::int64_t points = 0;   ///< entries checked
  std::int64_t skipped = 0;  ///< entries left out
  std::vector<std::string> skip_reasons = {};
};

/// "passed: 12 points, largest error 3.1e-12 at input 0 [2] of sample 0: analytic 0.25, numeric 0.25 ± 1e-13".
std::string to_string(const GradcheckReport& report);

/// What is checked: a function of one to four tensors, or of a span or vector of them, that gives a tensor or a vector
/// of them.
class GradcheckFunction {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, GradcheckFunction> &&
           !std::is_same_v<std::remove_cvref_t<F>, Operation>)
      GradcheckFunction(F function)  // NOLINT(google-explicit-constructor): a lambda is what is checked
      : arity_(arity<F>()),
        call_([function = std::move(function)](std::span<const Tensor> x) { return results(function, x); }) {}

  /// How many tensors it takes; 0: any number.
  std::size_t arity() const { return arity_; }
  std::vector<Tensor> operator()(std::span<const Tensor> x) const { return call_(x); }

 private:
  using T = const Tensor&;
  template <typename F>
  static constexpr std::size_t arity() {
    if (std::is_invocable_v<const F&, T>) return 1;
    if (std::is_invocable_v<const F&, T, T>) return 2;
    if (std::is_invocable_v<const F&, T, T, T>) return 3;
    return std::is_invocable_v<const F&, T, T, T, T> ? 4 : 0;
  }
  template <typename F>
  static auto call(const F& function, std::span<const Tensor> x) {
    if constexpr (arity<F>() == 1)
      return function(x[0]);
    else if constexpr (arity<F>() == 2)
      return function(x[0], x[1]);
    else if constexpr (arity<F>() == 3)
      return function(x[0], x[1], x[2]);
    else if constexpr (arity<F>() == 4)
      return function(x[0], x[1], x[2], x[3]);
    else if constexpr (std::is_invocable_v<const F&, std::span<const Tensor>>)
      return function(x);
    else
      return function(std::vector<Tensor>(x.begin(), x.end()));
  }
  template <typename F>
  static std::vector<Tensor> results(const F& function, std::span<const Tensor> x) {
    auto result = call(function, x);
    if constexpr (std::is_convertible_v<decltype(result), Tensor>)
      return {std::move(result)};
    else
      return std::vector<Tensor>(result.begin(), result.end());
  }

  std::size_t arity_;
  std::function<std::vector<Tensor>(std::span<const Tensor>)> call_;
};

/// Holds the derivative of f at x against central differences, entry by entry, in f64 (f32 inputs are converted; other
/// dtypes are taken as constants). A result of several elements is checked along one random direction v: the derivative
/// of ⟨v, f(x)⟩. At order 2 it is that of ⟨u, ∇⟨v, f(x)⟩⟩, with u random too, by x and by v. The step is chosen for
/// every entry by Ridders' extrapolation, which also estimates what is left of error (Ridders, "Accurate computation of
/// F′(x) and F′(x)F″(x)", Adv. Eng. Software 4, 1982; Press et al., Numerical Recipes, §5.7). Throws ValueError for an
/// order, a limit or a number of tensors that cannot be, GradientError where no input or no result is floating, or
/// where the results are not as many and of the same shapes everywhere.
GradcheckReport gradcheck(const GradcheckFunction& f, const Tensor& x, const GradcheckOptions& options = {});
GradcheckReport gradcheck(const GradcheckFunction& f, const std::vector<Tensor>& x,
                          const GradcheckOptions& options = {});

/// Checks an operation on all of its samples, keeping away from its kinks; a sample with a `skip_reason` is skipped.
/// Throws GradientError for an operation that is not differentiable, ValueError for one that brings no samples.
GradcheckReport gradcheck(const Operation& operation, const GradcheckOptions& options = {});

}  // namespace wengert
