#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <wengert/autograd/internal/ridders.h>

namespace wengert::detail {
namespace {

constexpr double ratio = 1.4;      // of one step to the next
constexpr std::size_t depth = 10;  // steps in one tableau
constexpr double worse = 2;        // the tableau ends when its diagonal has become worse than the best by this factor
constexpr double restart = 10;     // of the first step of one tableau to that of the next
constexpr int smaller = 7;         // tableaux from the first step downward

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Neville's algorithm: entry j of a row eliminates the error terms up to h²ʲ from the quotients of j + 1 steps.
Derivative tableau(const std::function<double(double)>& quotient, double step) {
  std::array<double, depth> previous{quotient(step)};
  Derivative best{previous[0], infinity};
  for (std::size_t i = 1; i < depth; ++i) {
    step /= ratio;
    std::array<double, depth> row{quotient(step)};
    double factor = 1;
    for (std::size_t j = 1; j <= i; ++j) {
      factor *= ratio * ratio;
      row[j] = (row[j - 1] * factor - previous[j - 1]) / (factor - 1);
      const double uncertainty = std::max(std::abs(row[j] - row[j - 1]), std::abs(row[j] - previous[j - 1]));
      if (uncertainty <= best.uncertainty) best = {row[j], uncertainty};
    }
    if (std::abs(row[i] - previous[i - 1]) >= worse * best.uncertainty) break;
    previous = row;
  }
  return best;
}

}  // namespace

Derivative extrapolate(const std::function<double(double)>& quotient, Steps steps, double tolerance) {
  Derivative best{std::numeric_limits<double>::quiet_NaN(), infinity};
  const auto certain_from = [&](double step) {
    const Derivative found = tableau(quotient, step);
    if (std::isfinite(found.value) && found.uncertainty < best.uncertainty) best = found;
    return best.uncertainty <= tolerance * std::max(1.0, std::abs(best.value));
  };
  double step = steps.first;
  for (int i = 0; i < smaller; ++i, step /= restart) {
    if (certain_from(step)) return best;
  }
  for (step = steps.first * restart; step <= steps.largest; step *= restart) {
    if (certain_from(step)) return best;
  }
  return best;
}

}  // namespace wengert::detail
