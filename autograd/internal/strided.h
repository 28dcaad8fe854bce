#pragma once

#include <wengert/autograd/operation.h>
#include <wengert/autograd/tensor.h>

/// What the operations that only move elements share.

namespace wengert::detail {

/// Copies between strided places of any dtype: for every index of `shape`, the element at `to` + Σ index · to_strides
/// becomes the one at `from` + Σ index · from_strides. Strides are in elements, offsets too.
struct StridedCopy {
  Shape shape;
  Ints from_strides, to_strides;
  std::int64_t from_offset = 0, to_offset = 0;

  void operator()(const Tensor& from, Tensor& to) const;
};

/// Whether a view of an array of one shape as one of another has what it says for each axis, and stays within it.
bool is_view(const View& view, const Shape& from, const Shape& to);

/// Sets all of `to` to what a view shows of `from`.
void copy_view(const View& view, const Tensor& from, Tensor& to);

/// An array of `shape` with its axes in another order: axis i is its axis order[i].
View permutation(const Shape& shape, const Ints& order);

/// The order that undoes another one.
Ints inverse_order(const Ints& order);

/// The extents in another order.
Shape permuted(const Shape& shape, const Ints& order);

/// The product of extents begin … end−1.
std::int64_t extent_product(const Shape& shape, std::size_t begin, std::size_t end);

}  // namespace wengert::detail
