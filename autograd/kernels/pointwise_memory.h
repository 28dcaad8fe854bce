#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels {

/// Converts `count` elements as PointwiseKernel does when it reads and writes: they begin `stride` elements one after
/// the other, and `to` is contiguous.
using CopyRun = void (*)(const void* from, std::int64_t stride, std::size_t count, void* to);
/// That of elements of any dtype to any other.
CopyRun find_copy_run(DType from_dtype, DType to_dtype);

/// Reads a strided input in the order of the result's elements, whatever its dtype, into arrays of the compute dtype.
class InputReader {
 public:
  InputReader(const PointwiseInput& input, std::span<const std::int64_t> shape, DType compute);

  /// The same element everywhere.
  bool is_single() const { return rank_ == 0 || (rank_ == 1 && axes_[0].stride == 0); }
  /// So many elements at a time stand in memory in the order they are read in; 0: they do not.
  std::int64_t contiguous() const {
    return rank_ > 0 && axes_[0].stride == 1 && axes_[0].is_whole() ? axes_[0].size : 0;
  }
  /// Whether they are such rows with gaps in between.
  bool is_in_rows() const { return contiguous() > 0 && rank_ > 1 && axes_[1].stride > axes_[0].size; }
  /// Where the elements first … first+count−1 stand, one after the other; null: they do not. Where some are contiguous.
  const std::byte* place(std::int64_t first, std::size_t count) const;
  /// Whether the elements first … first+count−1 are those from `earlier` on once more.
  bool repeats(std::int64_t earlier, std::int64_t first, std::size_t count) const;

  const void* data() const { return data_; }
  void set_data(const void* data) { data_ = data; }
  DType dtype() const { return dtype_; }

  /// Writes the elements first … first+count−1 of the result's order to `out`, and zeros up to the end of its last
  /// block.
  void read(std::int64_t first, std::size_t count, void* out) const;

 private:
  struct Axis {
    std::int64_t size, stride;
    std::int64_t low, high;  // the window

    bool is_whole() const { return low == 0 && high == size; }
    bool has(std::int64_t index) const { return low <= index && index < high; }
  };
  void add_axis(Axis axis);
  void gather(std::int64_t first, std::size_t count, std::byte* out) const;
  const std::byte* at(std::int64_t offset) const {
    return static_cast<const std::byte*>(data_) + offset * static_cast<std::int64_t>(size_of(dtype_));
  }
  // Which of `count` elements along the innermost axis, from an index on, there are: those in between are.
  struct Interval {
    std::int64_t begin, end;
  };
  Interval interval_from(const std::int64_t* index, std::int64_t count) const;

  const void* data_;
  DType dtype_, compute_;
  bool has_window_ = false;
  double outside_ = 0;       // as its dtype has it
  std::int64_t origin_ = 0;  // where index 0 is or would be, from the first element that there is on
  int rank_ = 0;
  std::int64_t period_ = 0;    // so many elements come again and again; 0: they do not
  std::int64_t repeated_ = 0;  // … until so many were read; then come others
  std::array<Axis, 8> axes_;   // innermost first; neighbours that are one run in memory are one axis
};

/// Converts contiguous elements in the same way, on many threads.
void convert_elements(const void* from, DType from_dtype, void* to, DType to_dtype, std::int64_t count);

}  // namespace wengert::kernels
