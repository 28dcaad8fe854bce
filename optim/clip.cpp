#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/clip.h>

namespace wengert::optim {

Gradients clip_by_global_norm(const Gradients& gradients, double norm) {
  if (!std::isfinite(norm) || norm <= 0) {
    throw ValueError(fmt::format("clip_by_global_norm: norm is {}; expected a finite number above 0", norm));
  }
  Tensor squares = scalar(0, DType::f64);
  for (const auto& [parameter, gradient] : gradients) squares = squares + sum(square(cast(gradient, DType::f64)));
  const Tensor found = sqrt(squares);
  // An infinite norm would make of finite gradients zeros, with which training stands still and says nothing.
  const Tensor factor =
      where(isfinite(found), norm / maximum(found, norm), scalar(std::numeric_limits<double>::quiet_NaN(), DType::f64));
  Gradients clipped;
  for (const auto& [parameter, gradient] : gradients)
    clipped.add(parameter, gradient * cast(factor, gradient.dtype()), gradients.matters(parameter));
  return clipped;
}

}  // namespace wengert::optim
