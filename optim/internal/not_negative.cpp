#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/optim/internal/not_negative.h>

namespace wengert::optim::detail {

double not_negative(std::string_view owner, std::string_view name, double value) {
  if (std::isfinite(value) && value >= 0) return value;
  throw ValueError(fmt::format("{}: {} is {}; expected a finite number, 0 or more", owner, name, value));
}

}  // namespace wengert::optim::detail
