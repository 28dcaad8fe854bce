#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <wengert/autograd/kernels/along_axis.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/reduce_rows.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

struct Sum {
  static constexpr Reduction reduction = Reduction::sum;
  template <typename T>
  static constexpr T neutral = 0;
  template <typename T>
  static T combine(T a, T b) {
    return wrapped_sum(a, b);
  }
};

struct Product {
  static constexpr Reduction reduction = Reduction::prod;
  template <typename T>
  static constexpr T neutral = 1;
  template <typename T>
  static T combine(T a, T b) {
    return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
  }
};

struct Maximum {
  static constexpr Reduction reduction = Reduction::max;
  template <typename T>
  static constexpr T neutral = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::lowest();
  template <typename T>
  static T combine(T a, T b) {
    // A NaN wins, and a NaN once there stays. Two choices instead of a condition with ||, which would be a branch.
    const T larger = b > a ? b : a;
    return b == b ? larger : b;
  }
};

struct Minimum {
  static constexpr Reduction reduction = Reduction::min;
  template <typename T>
  static constexpr T neutral = std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::max();
  template <typename T>
  static T combine(T a, T b) {
    const T smaller = b < a ? b : a;
    return b == b ? smaller : b;
  }
};

// Columns that are reduced side by side: 128 bytes of floats, eight registers of the baseline instruction set. A fixed
// number, so that the order of a sum does not depend on the machine.
template <typename T>
constexpr std::size_t lanes = row_lanes(sizeof(T));

// Reduces `width` columns side by side. Floats by code that is made for the instruction set; the others, whose order
// does not matter, one after the other.
template <typename Op, typename T, std::size_t width>
class Columns {
 public:
  explicit Columns(const RowReducers& reducers)
      : reduce_(width == 1   ? reducers.one
                : width == 8 ? reducers.eight
                             : reducers.wide) {}

  std::array<T, width> operator()(const T* in, std::int64_t rows, std::int64_t stride) const {
    std::array<T, width> result;
    if constexpr (is_vectorised) {
      reduce_(result.data(), in, rows, stride);
    } else {
      result.fill(Op::template neutral<T>);
      for (std::int64_t r = 0; r < rows; ++r, in += stride) {
        for (std::size_t j = 0; j < width; ++j) result[j] = Op::combine(result[j], in[j]);
      }
    }
    return result;
  }

 private:
  static constexpr bool is_vectorised = std::is_floating_point_v<T>;
  ReduceRows reduce_;
};

// Combines the lanes pairwise, the upper half with the lower.
template <typename Op, typename T, std::size_t width>
T fold(const std::array<T, width>& sums) {
  if constexpr (width == 1) {
    return sums[0];
  } else {
    std::array<T, width / 2> halves;
    for (std::size_t j = 0; j < width / 2; ++j) halves[j] = Op::combine(sums[j], sums[j + width / 2]);
    return fold<Op>(halves);
  }
}

// In multiply-adds (threads.h): what reading an element costs.
constexpr double cost_of_element = 4;

// Combines chunks, [chunks, inner], each the sums of a full subtree of the tree by which rows are added: what stands in
// front of a number of chunks is a full tree of its lowest digit. The trees, from the last on, are added to the sums of
// the rows behind them.
template <typename Op, typename T>
void combine_chunks_as(T* sums, T* result, std::int64_t chunks, std::int64_t inner) {
  const auto combine = [inner](const T* earlier, const T* later, T* to) {
    for (std::int64_t j = 0; j < inner; ++j) to[j] = Op::combine(earlier[j], later[j]);
  };
  for (std::int64_t end = chunks; end > 0;) {
    const std::int64_t size = end & -end;
    T* const tree = sums + (end - size) * inner;
    for (std::int64_t half = 1; half < size; half *= 2) {
      for (std::int64_t i = 0; i < size; i += 2 * half)
        combine(tree + i * inner, tree + (i + half) * inner, tree + i * inner);
    }
    combine(tree, result, result);
    end -= size;
  }
}

constexpr std::int64_t chunk_rows = block_rows * 512;

// Reduces long columns in chunks, which threads may share. The order is that of `columns` on all of them.
template <typename Op, typename T, std::size_t width>
std::array<T, width> reduce_in_chunks(const Columns<Op, T, width>& columns, const T* in, std::int64_t rows) {
  constexpr auto step = static_cast<std::int64_t>(width);
  const std::int64_t chunks = rows / chunk_rows;
  std::array<T, width> result = columns(in + chunks * chunk_rows * step, rows - chunks * chunk_rows, step);
  if (chunks == 0) return result;
  const PoolArray<T> sums(static_cast<std::size_t>(chunks) * width);
  parallel_ranges(chunks, 1, work_of<T>(cost_of_element, chunks * chunk_rows * step),
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
                      const auto sum = columns(in + chunk * chunk_rows * step, chunk_rows, step);
                      std::copy(sum.begin(), sum.end(), sums.at(static_cast<std::size_t>(chunk) * width));
                    }
                  });
  combine_chunks_as<Op>(sums.at(0), result.data(), chunks, step);
  return result;
}

// Whether rows of so many times `lanes` elements are reduced by the code for long rows.
bool are_long_rows(const RowReducers& reducers, std::int64_t rows) {
  return reducers.long_rows != nullptr && rows > 0 && rows < chunk_rows;
}

// Reduces n contiguous elements: as columns, then what is left, which is all of a short row, then the lanes.
template <typename Op, typename T>
T reduce_row(const RowReducers& reducers, const T* in, std::int64_t n) {
  constexpr std::int64_t width = lanes<T>;
  const std::int64_t rows = n / width, rest = n % width;
  const T last = rest == 0 ? Op::template neutral<T> : Columns<Op, T, 1>(reducers)(in + (n - rest), rest, 1)[0];
  if (n < width) return last;
  T sum;
  if (are_long_rows(reducers, rows)) {
    reducers.long_rows(&sum, in, 1, rows);
  } else {
    sum = fold<Op>(reduce_in_chunks(Columns<Op, T, lanes<T>>(reducers), in, rows));
  }
  return Op::combine(sum, last);
}

// The columns from `first` on, as many times `width` as there are before `end`; gives the first one left.
template <typename Op, typename T, std::size_t width>
std::int64_t reduce_tiles(const Columns<Op, T, width>& columns, const T* in, T* out, std::int64_t n, std::int64_t inner,
                          std::int64_t first, std::int64_t end) {
  constexpr auto step = static_cast<std::int64_t>(width);
  for (; first + step <= end; first += step) {
    const auto sums = columns(in + first, n, inner);
    std::copy(sums.begin(), sums.end(), out + first);
  }
  return first;
}

template <typename T, typename Op>
RowReducers reducers_of() {
  if constexpr (std::is_floating_point_v<T>)
    return find_row_reducers(Op::reduction, dtype_of<T>);
  else
    return {};
}

// The columns of [n, stride] from `begin` on, before `end`.
template <typename Op, typename T>
void reduce_columns_as(const RowReducers& reducers, const T* in, T* out, std::int64_t n, std::int64_t stride,
                       std::int64_t begin, std::int64_t end) {
  std::int64_t column = reduce_tiles(Columns<Op, T, lanes<T>>(reducers), in, out, n, stride, begin, end);
  column = reduce_tiles(Columns<Op, T, 8>(reducers), in, out, n, stride, column, end);
  reduce_tiles(Columns<Op, T, 1>(reducers), in, out, n, stride, column, end);
}

template <typename Op, typename T>
void reduce_part(const T* in, T* out, std::int64_t n, std::int64_t inner, const Part& part) {
  const RowReducers reducers = reducers_of<T, Op>();
  constexpr std::int64_t width = lanes<T>, many_rows = 8;
  const std::int64_t rows = part.outer_end - part.outer_begin;
  in += part.outer_begin * n * inner;
  out += part.outer_begin * inner;
  if (inner == 1 && n < width && rows >= many_rows && reducers.short_rows != nullptr)
    return reducers.short_rows(reducers.wide, out, in, rows, n);
  if (inner == 1 && n % width == 0 && are_long_rows(reducers, n / width))
    return reducers.long_rows(out, in, rows, n / width);
  for (std::int64_t o = 0; o < rows; ++o, in += n * inner, out += inner) {
    if (inner == 1)
      *out = reduce_row<Op>(reducers, in, n);
    else
      reduce_columns_as<Op>(reducers, in, out, n, inner, part.inner_begin, part.inner_end);
  }
}

// Calls f with the kind of reduction as a type.
template <typename F>
void dispatch_reduction(Reduction reduction, F f) {
  switch (reduction) {
    case Reduction::sum: return f(Sum{});
    case Reduction::prod: return f(Product{});
    case Reduction::max: return f(Maximum{});
    case Reduction::min: return f(Minimum{});
  }
}

}  // namespace

void reduce(Reduction reduction, DType dtype, const void* in, void* out, std::int64_t outer, std::int64_t n,
            std::int64_t inner) {
  const auto step = static_cast<std::int64_t>(row_lanes(size_of(dtype)));
  for_each_part(outer, inner, inner == 1 && n < step ? step : 1, step,
                work_of(cost_of_element, outer * n * inner, size_of(dtype)), [&](const Part& part) {
                  dispatch_stored(dtype, [&](auto tag) {
                    using T = decltype(tag);
                    dispatch_reduction(reduction, [&]<typename Op>(Op) {
                      reduce_part<Op>(static_cast<const T*>(in), static_cast<T*>(out), n, inner, part);
                    });
                  });
                });
}

void reduce_columns(Reduction reduction, DType dtype, const void* in, void* out, std::int64_t n, std::int64_t count,
                    std::int64_t stride) {
  dispatch_stored(dtype, [&](auto tag) {
    using T = decltype(tag);
    dispatch_reduction(reduction, [&]<typename Op>(Op) {
      reduce_columns_as<Op>(reducers_of<T, Op>(), static_cast<const T*>(in), static_cast<T*>(out), n, stride, 0, count);
    });
  });
}

void combine_chunks(Reduction reduction, DType dtype, void* sums, void* result, std::int64_t chunks,
                    std::int64_t inner) {
  dispatch_stored(dtype, [&](auto tag) {
    using T = decltype(tag);
    dispatch_reduction(reduction, [&]<typename Op>(Op) {
      combine_chunks_as<Op>(static_cast<T*>(sums), static_cast<T*>(result), chunks, inner);
    });
  });
}

void finish_row(Reduction reduction, DType dtype, const void* sums, const void* rest, void* out) {
  dispatch_stored(dtype, [&](auto tag) {
    using T = decltype(tag);
    dispatch_reduction(reduction, [&]<typename Op>(Op) {
      const auto& all = *static_cast<const std::array<T, lanes<T>>*>(sums);
      *static_cast<T*>(out) = Op::combine(fold<Op>(all), *static_cast<const T*>(rest));
    });
  });
}

}  // namespace wengert::kernels
