#pragma once

#include <vector>

#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/operation.h>

/// What the reductions in autograd/ops/ share.

namespace wengert::detail {

/// The dtype, if it is a number; throws DTypeError otherwise, naming `operation`.
DType number_dtype(const char* operation, DType dtype);
/// The dtype, if it is f32 or f64.
DType floating_dtype(const char* operation, DType dtype);

/// An array [outer, n, inner]: an axis between those before and those behind it.
struct AxisRun {
  std::int64_t outer = 1, n = 1, inner = 1;

  AxisRun() = default;
  AxisRun(const Shape& shape, std::size_t axis);
};

/// The shape after reducing by the attributes `axes` (none: all) and `keepdims`.
Shape reduced_shape(const char* operation, const Shape& shape, const Attributes& attributes);
/// A reduction's result or its adjoint with the reduced axes back as extents of 1, so that it broadcasts against the
/// input.
Tensor with_reduced_axes(const Tensor& reduced, const Vjp& vjp);
/// The axes along which `from` is stretched to `to`.
Ints stretched_axes(const Shape& from, const Shape& to);

/// Reduces over axes (none: all) into `result`.
void reduce(kernels::Reduction reduction, const Tensor& x, const Ints& axes, Tensor& result);
/// Repeats x's elements over the shape of `result`.
void stretch(const Tensor& x, Tensor& result);

std::vector<Sample> reduction_samples();

}  // namespace wengert::detail
