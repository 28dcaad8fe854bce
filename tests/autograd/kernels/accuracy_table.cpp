// Writes docs/accuracy.md: `accuracy_table [COUNT] > docs/accuracy.md`, COUNT arguments of each kind (a million unless
// told), for every mathematical primitive and the best instruction set of the machine. Functions of one argument are
// also computed for every single f32, and compared with what they give in f64.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/kernels/math_accuracy.h"
#include <fmt/format.h>

namespace {

namespace k = wengert::kernels;
namespace acc = wengert::kernels::accuracy;

/// In units of the last place of f32; `exact` has so many more digits that it may be called so.
double error_in_ulps_of_f32(float result, double exact) {
  constexpr double beyond = 0x1p128;
  double given = result;
  if (std::isnan(given) || std::isnan(exact)) {
    return std::isnan(given) == std::isnan(exact) ? 0 : std::numeric_limits<double>::infinity();
  }
  if (std::signbit(given) != std::signbit(exact)) return std::numeric_limits<double>::infinity();
  given = std::clamp(given, -beyond, beyond);
  exact = std::clamp(exact, -beyond, beyond);
  // 2ᵉ ≤ |exact| < 2ᵉ⁺¹, in the bits of a double; times 2^(23 − e), which stands there as 1023 + 23 − e.
  const std::uint64_t exponent = std::max<std::uint64_t>(std::bit_cast<std::uint64_t>(exact) >> 52 & 0x7FF, 1023 - 126);
  return std::abs(given - exact) * std::bit_cast<double>((2 * 1023 + 23 - exponent) << 52);
}

acc::Worst<float> measure_all(k::Primitive primitive) {
  constexpr std::uint32_t part = 1U << 20;
  acc::Worst<float> worst;
  std::vector<float> narrow(part);
  std::vector<double> wide(part);
  for (std::uint64_t first = 0; first < 1ULL << 32; first += part) {
    for (std::uint32_t i = 0; i < part; ++i) {
      narrow[i] = std::bit_cast<float>(static_cast<std::uint32_t>(first + i));
      wide[i] = narrow[i];
    }
    const std::vector<float> given = acc::compute(primitive, narrow, narrow);
    const std::vector<double> exact = acc::compute(primitive, wide, wide);
    for (std::uint32_t i = 0; i < part; ++i) {
      const double ulps = error_in_ulps_of_f32(given[i], exact[i]);
      if (!(ulps <= worst.ulps)) worst = {ulps, narrow[i], 0, given[i]};
    }
  }
  return worst;
}

template <typename T>
std::string text(const acc::Function& function, const acc::Worst<T>& worst) {
  if (function.unary != nullptr) return fmt::format("{:.3f} | {:.9g}", worst.ulps, worst.a);
  return fmt::format("{:.3f} | {:.9g}, {:.9g}", worst.ulps, worst.a, worst.b);
}

void write_table(std::size_t count, std::span<char*> names) {
  fmt::print(
      "# Accuracy\n\n"
      "The largest error of every mathematical primitive, in units of the last place of the exact result, on {} by "
      "MPFR.\n"
      "Written by `build/release/tests/accuracy_table {} > docs/accuracy.md`: {} arguments of each of seven kinds "
      "(evenly over the range\n"
      "where the function is interesting, near the multiples of π/2, of all bit patterns, of all magnitudes, and for "
      "powers\n"
      "results of all magnitudes and whole exponents), and the edges: zeros, subnormal numbers, infinities, NaN, the "
      "ends of domains. f32, "
      "functions of\n"
      "one argument: every one of the 2³² numbers, compared with the result in f64.\n\n"
      "| function | f32 | at | f64 | at |\n|---|---:|---|---:|---|\n",
      k::instruction_set(), count, count);
  for (const acc::Function& function : acc::functions) {
    const std::string_view name = k::name_of(function.primitive);
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    acc::Worst<float> narrow = acc::measure<float>(function, count, 2);
    if (function.unary != nullptr)
      narrow = std::max(narrow, measure_all(function.primitive), [](auto& a, auto& b) { return a.ulps < b.ulps; });
    const acc::Worst<double> wide = acc::measure<double>(function, count, 3);
    fmt::print("| {} | {} | {} |\n", name, text(function, narrow), text(function, wide));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    const std::size_t count = argc > 1 ? std::stoull(arguments[1]) : 1'000'000;
    write_table(count, arguments.subspan(std::min<std::size_t>(2, arguments.size())));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "accuracy_table: {}\n", error.what());
    return 1;
  }
}
