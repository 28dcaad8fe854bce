#pragma once

#include <algorithm>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/scalar.h>

namespace wengert::optim::detail {

/// x, or 0 where `size`, its magnitude, is below `least`. A moment that gets no more gradient – of a pixel that is
/// always black, a unit that is off – is multiplied by β step after step, and would soon be a subnormal number for
/// good, with which many processors are a hundred times slower.
inline Scalar unless_below(Scalar least, Scalar size, Scalar x) { return select(size < least, 0.0, x); }
inline Scalar zero_below(Scalar x, Scalar least) { return unless_below(least, abs(x), x); }

/// Far below what moves a parameter, and so far above the subnormal numbers that neither products with 1 − β nor those
/// with 1 / (√v + ε) are any.
constexpr double least_moment(DType dtype) { return dtype == DType::f64 ? 0x1p-900 : 0x1p-76; }

/// Of a second moment v: such that √v + ε is ε, too.
constexpr double least_square(DType dtype, double epsilon) {
  const double root = epsilon * (dtype == DType::f64 ? 0x1p-55 : 0x1p-26);
  return std::min(least_moment(dtype), root * root);
}

}  // namespace wengert::optim::detail
