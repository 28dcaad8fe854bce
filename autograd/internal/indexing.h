#pragma once

#include <functional>

#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/tensor.h>

/// What the operations that take indices share.

namespace wengert::detail {

/// Throws DTypeError unless the tensor holds integers.
void require_indices(const char* operation, const Tensor& indices);

/// Indices along an axis of an array [outer, n, inner], each checked against n: throws ValueError for one out of range.
class AxisIndices {
 public:
  /// Whether there is an index for every entry of the result [outer, k, inner], or k indices for slices of it.
  enum Kind { per_entry, per_slice };

  AxisIndices(const char* operation, const Shape& shape, std::size_t axis, const Tensor& indices, Kind kind);

  /// result[o, j, i] = x[o, index, i]
  void read(const Tensor& x, Tensor& result) const;
  /// result = x, and then result[o, index, i] += updates[o, j, i] in order
  void add(const Tensor& x, const Tensor& updates, Tensor& result) const;

 private:
  struct Interval {
    std::int64_t begin, end;
  };
  /// Of the result, [outer, k, inner].
  struct Part {
    Interval outer, indices, inner;
  };
  template <typename F>
  void for_each(const Part& part, F f) const;  // f(place in the array, place in the result, run of elements)
  /// Calls f with parts of the result for several threads, of the first axis or, where that is short, of another.
  void divide(Interval Part::*axis, std::size_t bytes_of_element, const std::function<void(const Part&)>& f) const;

  AxisRun run_;
  std::int64_t count_;  // k
  Kind kind_;
  Tensor indices_;  // i64, none negative
};

/// result[…, j] = (indices[…] == j)
void write_one_hot(const Tensor& indices, std::int64_t depth, Tensor& result);

}  // namespace wengert::detail
