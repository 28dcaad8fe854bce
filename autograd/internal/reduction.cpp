#include <algorithm>
#include <cstring>

#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/operations.h>

namespace wengert::detail {
namespace {

bool contains(const Ints& axes, std::size_t axis) {
  return std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(axis)) != axes.end();
}

}  // namespace

AxisRun::AxisRun(const Shape& shape, std::size_t axis, std::size_t end)
    : outer(extent_product(shape, 0, axis)),
      n(extent_product(shape, axis, end)),
      inner(extent_product(shape, end, shape.rank())) {}

Shape reduced_shape(const char* operation, const Shape& shape, const Attributes& attributes) {
  const Ints axes = normalize_axes(operation, attributes.ints("axes"), shape.rank());
  const bool keepdims = attributes.flag("keepdims");
  Ints extents;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (!contains(axes, axis))
      extents.push_back(shape[axis]);
    else if (keepdims)
      extents.push_back(1);
  }
  return Shape(extents);
}

Tensor with_reduced_axes(const Tensor& reduced, const Vjp& vjp) {
  const char* name = vjp.operation().name.c_str();
  const Ints axes = normalize_axes(name, vjp.attributes().ints("axes"), vjp.input_shape().rank());
  Ints extents(vjp.input_shape());
  for (const std::int64_t axis : axes) extents[static_cast<std::size_t>(axis)] = 1;
  return reduced.reshape(extents);
}

Ints stretched_axes(const Shape& from, const Shape& to) {
  Ints axes;
  const std::size_t offset = to.rank() - from.rank();
  for (std::size_t axis = 0; axis < to.rank(); ++axis) {
    if (axis < offset || (from[axis - offset] == 1 && to[axis] != 1)) axes.push_back(static_cast<std::int64_t>(axis));
  }
  return axes;
}

Ints given_axes(const Shape& shape, const Attributes& attributes) {
  return normalize_axes("reduce", attributes.ints("axes"), shape.rank());
}

void reduce(kernels::Reduction reduction, const Tensor& x, const Ints& axes, Tensor& result) {
  const DType dtype = x.dtype();
  // Runs of neighbouring axes are reduced one after the other, the last first: what stays behind them is `inner`.
  Ints extents(x.shape());
  const Tensor* current = &x;
  Tensor between;
  for (std::size_t end = axes.size(); end > 0;) {
    std::size_t begin = end - 1;
    while (begin > 0 && axes[begin - 1] == axes[begin] - 1) --begin;
    AxisRun run;  // a run of reduced axes between those that stay
    for (std::size_t axis = 0; axis < extents.size(); ++axis) {
      const auto position = static_cast<std::int64_t>(axis);
      (position < axes[begin] ? run.outer : position <= axes[end - 1] ? run.n : run.inner) *= extents[axis];
    }
    for (std::size_t k = begin; k < end; ++k) extents[static_cast<std::size_t>(axes[k])] = 1;
    Tensor next = begin == 0 ? Tensor() : Access::make(dtype, Shape(extents));
    Tensor& target = begin == 0 ? result : next;
    kernels::reduce(reduction, dtype, Access::elements(*current), Access::elements(target), run.outer, run.n,
                    run.inner);
    between = std::move(next);
    current = &between;
    end = begin;
  }
  if (axes.empty() && x.size() > 0)  // of nothing there may be no memory
    std::memcpy(Access::elements(result), Access::elements(x), static_cast<std::size_t>(x.size()) * size_of(dtype));
}

GatheredAxes gather_axes(const Tensor& x, const Ints& given) {
  const Ints axes = normalize_axes("reduce", given, x.rank());
  if (axes.empty()) return {x, {}};
  const auto first = static_cast<std::size_t>(axes[0]);
  if (static_cast<std::size_t>(axes.back()) - first + 1 == axes.size()) {
    return {x, AxisRun(x.shape(), first, first + axes.size())};
  }
  const Ints order = order_with_last(axes, x.rank());
  Tensor moved = Access::make(x.dtype(), permuted(x.shape(), order));
  copy_view(permutation(x.shape(), order), x, moved);
  const AxisRun run(moved.shape(), x.rank() - axes.size(), x.rank());
  return {moved, run};
}

Ints order_with_last(const Ints& last, std::size_t rank) {
  Ints order;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (!contains(last, axis)) order.push_back(static_cast<std::int64_t>(axis));
  }
  for (const std::int64_t axis : last) order.push_back(axis);
  return order;
}

void stretch(const Tensor& x, Tensor& result) {
  const Shape& to = result.shape();
  StridedCopy{to, broadcast_strides(x.shape(), to), row_major_strides(to)}(x, result);
}

}  // namespace wengert::detail
