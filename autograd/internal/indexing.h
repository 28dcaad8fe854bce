#pragma once

#include <array>
#include <functional>

#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/tensor.h>

/// What the operations that take indices share.

namespace wengert::detail {

/// Throws DTypeError unless the tensor holds integers.
void require_indices(const char* operation, const Tensor& indices);

/// Indices of an axis of n elements; those below 0 count from the end where that is allowed.
class Indices {
 public:
  /// So many are looked at in one go.
  static constexpr std::int64_t most = 512;
  /// The places that some indices stand for.
  using Places = std::array<std::int64_t, most>;

  Indices(const Tensor& indices, std::int64_t n, bool from_end) : indices_(indices), n_(n), from_end_(from_end) {}

  /// The places of `count` indices from one on; false where one is out of range.
  bool find(std::int64_t first, std::int64_t count, Places& places) const;
  /// Throws ValueError naming the first index out of range, if there is one. `of` says what n is.
  void check(const char* operation, const std::string& of) const;

 private:
  const Tensor& indices_;
  std::int64_t n_;
  bool from_end_;
};

/// Indices along an axis of an array [outer, n, inner].
class AxisIndices {
 public:
  /// Whether there is an index for every entry of the result [outer, k, inner], or k indices for slices of it.
  enum Kind { per_entry, per_slice };

  AxisIndices(const char* operation, const Shape& shape, std::size_t axis, const Tensor& indices, Kind kind);

  /// result[o, j, i] = x[o, index, i]. Throws ValueError for an index out of range.
  void read(const Tensor& x, Tensor& result) const;
  /// result = x, and then result[o, index, i] += updates[o, j, i] in order. Throws ValueError for an index out of
  /// range.
  void add(const Tensor& x, const Tensor& updates, Tensor& result) const;

 private:
  struct Interval {
    std::int64_t begin, end;
  };
  /// Of the result, [outer, k, inner].
  struct Part {
    Interval outer, indices, inner;
  };
  /// Calls f(place in the array, place in the result, run of elements); false where an index is out of range.
  template <typename F>
  bool for_each(const Part& part, F f) const;
  /// Calls f with parts of the result for several threads, of the first axis or, where that is short, of another.
  /// Throws where one gives false.
  void divide(Interval Part::*axis, std::size_t bytes_of_element, const std::function<bool(const Part&)>& f) const;

  const char* operation_;
  const Shape& shape_;
  std::size_t axis_;
  AxisRun run_;
  std::int64_t count_;  // k
  Kind kind_;
  Indices indices_;
};

/// result[…, j] = (indices[…] == j). Throws ValueError for an index out of range.
void write_one_hot(const Tensor& indices, std::int64_t depth, Tensor& result);

}  // namespace wengert::detail
