#pragma once

#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/operation.h>

/// What the reductions in autograd/ops/ share.

namespace wengert::detail {

/// An array [outer, n, inner]: an axis, or neighbouring ones from `axis` to before `end`, between those before and
/// those behind.
struct AxisRun {
  std::int64_t outer = 1, n = 1, inner = 1;

  AxisRun() = default;
  AxisRun(const Shape& shape, std::size_t axis, std::size_t end);
  AxisRun(const Shape& shape, std::size_t axis) : AxisRun(shape, axis, axis + 1) {}
};

/// The shape after reducing by the attributes `axes` (none: all) and `keepdims`.
Shape reduced_shape(const char* operation, const Shape& shape, const Attributes& attributes);
/// A reduction's result or its adjoint with the reduced axes back as extents of 1, so that it broadcasts against the
/// input.
Tensor with_reduced_axes(const Tensor& reduced, const Vjp& vjp);
/// The axes along which `from` is stretched to `to`.
Ints stretched_axes(const Shape& from, const Shape& to);

/// The axes that the attribute `axes` names (none: all), in order.
Ints given_axes(const Shape& shape, const Attributes& attributes);
/// Reduces over axes, as a ReductionRule gives them, into `result`.
void reduce(kernels::Reduction reduction, const Tensor& x, const Ints& axes, Tensor& result);
/// x and where the axes `axes` (none: all) lie in it, as one run: as it is where they are neighbours, and otherwise as
/// a copy in which they come last.
struct GatheredAxes {
  Tensor x;
  AxisRun run;
};
GatheredAxes gather_axes(const Tensor& x, const Ints& axes);

/// The axes in order, but those in `last` behind all others.
Ints order_with_last(const Ints& last, std::size_t rank);
/// Repeats x's elements over the shape of `result`.
void stretch(const Tensor& x, Tensor& result);

}  // namespace wengert::detail
