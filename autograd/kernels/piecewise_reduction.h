#pragma once

#include <cstddef>
#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/reduce.h>

namespace wengert::kernels {

/// A row-major [outer, n, inner] array to be reduced along its middle axis.
struct ReducedArray {
  Reduction reduction = Reduction::sum;
  DType dtype = DType::f32;
  std::int64_t outer = 1, n = 1, inner = 1;

  std::int64_t elements() const { return outer * n * inner; }
};

/// `reduce` for an array that is never there as a whole: it comes in pieces, in any order and from any thread, each
/// while it is in the cache. The same bits.
class PiecewiseReduction {
 public:
  /// Elements of a piece; 0 where pieces of the array would be too large. The last one may have fewer.
  static std::int64_t piece_elements(const ReducedArray& array);

  /// For an array that has elements, and pieces.
  PiecewiseReduction(const ReducedArray& array, void* out);

  /// The elements from `first` on, a whole number of pieces from the beginning.
  void add(const std::byte* elements, std::int64_t first, std::int64_t count) const;
  /// After all pieces were added.
  void finish() const;

 private:
  struct Cut {
    std::int64_t piece;    // elements
    std::int64_t columns;  // of a chunk, which a piece is; 0: a piece has results of its own
  };
  void finish_matrices() const;
  static Cut cut_of(const ReducedArray& array, std::int64_t size_of_element);
  std::byte* sum(std::int64_t chunk) const { return sums_.at(static_cast<std::size_t>(chunk * cut_.columns * size_)); }
  void reduce_to(std::byte* to, const std::byte* from, std::int64_t outer, std::int64_t n, std::int64_t inner) const {
    reduce(array_.reduction, array_.dtype, from, to, outer, n, inner);
  }

  ReducedArray array_;
  std::byte* out_;
  std::int64_t size_;  // of an element
  Cut cut_;
  std::int64_t chunks_;
  PoolArray<std::byte> sums_;  // of chunks, then of the rows behind them, then what is left of a single row
};

}  // namespace wengert::kernels
