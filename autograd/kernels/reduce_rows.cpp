#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <wengert/autograd/kernels/along_axis.h>
#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/reduce_rows.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/reduce_rows.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/transpose-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Columns that stand in registers; the plain fallback has none for as many, and is made small.
constexpr int unrolled = HWY_TARGET == HWY_SCALAR ? 1 : 8;

struct Sum {
  static constexpr double neutral = 0;
  template <class V>
  static HWY_INLINE V combine(V a, V b) {
    return hn::Add(a, b);
  }
};
struct Product {
  static constexpr double neutral = 1;
  template <class V>
  static HWY_INLINE V combine(V a, V b) {
    return hn::Mul(a, b);
  }
};
// A NaN wins, and a NaN once there stays.
struct Maximum {
  static constexpr double neutral = -std::numeric_limits<double>::infinity();
  template <class V>
  static HWY_INLINE V combine(V a, V b) {
    return hn::IfThenElse(hn::Eq(b, b), hn::IfThenElse(hn::Gt(b, a), b, a), b);
  }
};
struct Minimum {
  static constexpr double neutral = std::numeric_limits<double>::infinity();
  template <class V>
  static HWY_INLINE V combine(V a, V b) {
    return hn::IfThenElse(hn::Eq(b, b), hn::IfThenElse(hn::Lt(b, a), b, a), b);
  }
};

// `width` columns in registers.
template <class Op, typename T, std::size_t width>
class Columns {
 public:
  Columns() {
    HWY_UNROLL(unrolled)
    for (std::size_t j = 0; j < vectors; ++j) values_[j] = hn::Set(D(), static_cast<T>(Op::neutral));
  }

  HWY_INLINE void combine_rows(const T* in, std::int64_t rows, std::int64_t stride) {
    for (std::int64_t r = 0; r < rows; ++r, in += stride) {
      HWY_UNROLL(unrolled)
      for (std::size_t j = 0; j < vectors; ++j) values_[j] = Op::combine(values_[j], hn::LoadU(D(), in + j * n));
    }
  }
  HWY_INLINE void combine_with_earlier(const T* earlier) {
    HWY_UNROLL(unrolled)
    for (std::size_t j = 0; j < vectors; ++j) values_[j] = Op::combine(hn::LoadU(D(), earlier + j * n), values_[j]);
  }
  HWY_INLINE void store(T* to) const {
    HWY_UNROLL(unrolled)
    for (std::size_t j = 0; j < vectors; ++j) hn::StoreU(values_[j], D(), to + j * n);
  }

  using D = hn::CappedTag<T, width>;
  using V = hn::Vec<D>;
  static constexpr std::size_t n = hn::MaxLanes(D());

  // All columns combined pairwise, the upper half with the lower, until one vector is left.
  HWY_INLINE V folded() {
    HWY_UNROLL(4)
    for (std::size_t half = vectors / 2; half > 0; half /= 2) {
      HWY_UNROLL(4)
      for (std::size_t j = 0; j < half; ++j) values_[j] = Op::combine(values_[j], values_[j + half]);
    }
    return values_[0];
  }

 private:
  static constexpr std::size_t vectors = width / n;
  V values_[vectors];
};

// `partial[l]` holds the sum of 2ˡ blocks, as the digits of a binary counter.
template <class Op, typename T, std::size_t width>
HWY_INLINE Columns<Op, T, width> columns_of(const T* row, std::int64_t rows, std::int64_t stride) {
  T partial[60][width];
  const std::int64_t blocks = rows > block_rows ? rows / block_rows : 0;
  for (std::int64_t block = 0; block < blocks; ++block, row += block_rows * stride) {
    Columns<Op, T, width> sums;
    sums.combine_rows(row, block_rows, stride);
    std::size_t level = 0;
    for (; ((block >> level) & 1) != 0; ++level) sums.combine_with_earlier(partial[level]);
    sums.store(partial[level]);
  }
  Columns<Op, T, width> sums;
  sums.combine_rows(row, rows - blocks * block_rows, stride);
  for (std::size_t level = 0; (blocks >> level) != 0; ++level) {
    if (((blocks >> level) & 1) != 0) sums.combine_with_earlier(partial[level]);
  }
  return sums;
}

template <class Op, typename T, std::size_t width>
void reduce_rows(void* result, const void* in, std::int64_t rows, std::int64_t stride) {
  const T* const from = static_cast<const T*>(in);
  T* const to = static_cast<T*>(result);
  if constexpr (HWY_TARGET == HWY_SCALAR && width > 1) {  // the fallback is made small
    for (std::size_t j = 0; j < width; ++j) reduce_rows<Op, T, 1>(to + j, from + j, rows, stride);
  } else {
    columns_of<Op, T, width>(from, rows, stride).store(to);
  }
}

// Combines the lanes pairwise, the upper half with the lower, until one is left.
template <class Op, typename T, std::size_t width>
HWY_INLINE void fold(T* lanes) {
  if constexpr (width > 1) {
    constexpr std::size_t half = width / 2;
    const hn::CappedTag<T, half> d;
    HWY_UNROLL(unrolled)
    for (std::size_t j = 0; j < half; j += hn::MaxLanes(d))
      hn::StoreU(Op::combine(hn::LoadU(d, lanes + j), hn::LoadU(d, lanes + half + j)), d, lanes + j);
    fold<Op, T, half>(lanes);
  }
}

#if HWY_TARGET != HWY_SCALAR
// The same of as many vectors as one has lanes: lane i of the result is what is left of vector i.
template <class Op, class D, class V>
HWY_INLINE V fold_side_by_side(D d, V* v) {
  constexpr std::size_t n = hn::MaxLanes(D()), bytes = n * sizeof(hn::TFromD<D>);
  std::size_t left = n;
  const auto halve = [&](auto lower, auto upper) HWY_ATTR {
    left /= 2;
    HWY_UNROLL(8)
    for (std::size_t i = 0; i < left; ++i) v[i] = Op::combine(lower(v[i], v[i + left]), upper(v[i], v[i + left]));
  };
  if constexpr (bytes >= 32) {
    halve([d](V a, V b) HWY_ATTR { return hn::ConcatLowerLower(d, b, a); },
          [d](V a, V b) HWY_ATTR { return hn::ConcatUpperUpper(d, b, a); });
  }
  if constexpr (bytes == 64) {
    halve([](V a, V b) HWY_ATTR { return hn::OddEvenBlocks(hn::SwapAdjacentBlocks(b), a); },
          [](V a, V b) HWY_ATTR { return hn::OddEvenBlocks(b, hn::SwapAdjacentBlocks(a)); });
  }
  const hn::Repartition<double, D> halves;  // of a block of 128 bits
  halve(
      [=](V a, V b) HWY_ATTR {
        return hn::BitCast(d, hn::InterleaveLower(halves, hn::BitCast(halves, a), hn::BitCast(halves, b)));
      },
      [=](V a, V b) HWY_ATTR {
        return hn::BitCast(d, hn::InterleaveUpper(halves, hn::BitCast(halves, a), hn::BitCast(halves, b)));
      });
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    halve([](V a, V b) HWY_ATTR { return hn::OddEven(hn::DupEven(b), a); },
          [](V a, V b) HWY_ATTR { return hn::OddEven(b, hn::DupOdd(a)); });
  }
  return v[0];
}
#endif

// The sum of a row's columns, combined with what is left of the row.
template <class Op, typename T>
HWY_INLINE void combine_with_rest(T* sum, const T* rest, std::int64_t count) {
  if (count == 0) return;
  const hn::CappedTag<T, 1> d;
  T last[1];
  reduce_rows<Op, T, 1>(last, rest, count, 1);
  hn::StoreU(Op::combine(hn::LoadU(d, sum), hn::LoadU(d, last)), d, sum);
}

// Several rows together, but for products, which are rare.
template <class Op, typename T, std::size_t width>
void reduce_long_rows(void* results, const void* in, std::int64_t count, std::int64_t n) {
  constexpr auto step = static_cast<std::int64_t>(width);
  const std::int64_t rows = n / step, rest = n % step;
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(results);
#if HWY_TARGET != HWY_SCALAR
  if constexpr (!std::is_same_v<Op, Product>) {
    using All = Columns<Op, T, width>;
    constexpr auto together = static_cast<std::int64_t>(All::n);
    for (; count >= together; count -= together, from += together * n, to += together) {
      typename All::V folded[All::n];
      HWY_UNROLL(1)
      for (std::int64_t i = 0; i < together; ++i)
        folded[i] = columns_of<Op, T, width>(from + i * n, rows, step).folded();
      hn::StoreU(fold_side_by_side<Op>(typename All::D(), folded), typename All::D(), to);
      HWY_UNROLL(1)
      for (std::int64_t i = 0; i < together; ++i) combine_with_rest<Op>(to + i, from + i * n + rows * step, rest);
    }
  }
#endif
  for (; count > 0; --count, from += n, ++to) {
    T lanes[width];
    reduce_rows<Op, T, width>(lanes, from, rows, step);
    fold<Op, T, width>(lanes);
    *to = lanes[0];
    combine_with_rest<Op>(to, from + rows * step, rest);
  }
}

template <typename T, std::size_t width>
void reduce_short_rows(ReduceRows wide, void* results, const void* in, std::int64_t count, std::int64_t n) {
  T columns[width * width], reduced[width];
  const auto size = static_cast<std::size_t>(n);
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(results);
  for (auto left = static_cast<std::size_t>(count); left > 0;) {
    const std::size_t together = std::min(left, width);
    pack_transposed(from, size, together, size, width, columns);
    wide(reduced, columns, n, width);
    std::copy_n(reduced, together, to);
    from += together * size;
    to += together;
    left -= together;
  }
}

template <class Op, typename T>
const RowReducers& find() {
  constexpr std::size_t lanes = row_lanes(sizeof(T));
  static constexpr RowReducers found{.wide = reduce_rows<Op, T, lanes>,
                                     .eight = reduce_rows<Op, T, 8>,
                                     .one = reduce_rows<Op, T, 1>,
                                     .long_rows = reduce_long_rows<Op, T, lanes>,
                                     .short_rows = reduce_short_rows<T, lanes>,
                                     .size = sizeof(T)};
  return found;
}
template <class Op>
const RowReducers& find(bool is_f64) {
  return is_f64 ? find<Op, double>() : find<Op, float>();
}

const RowReducers& find_here(Reduction reduction, bool is_f64) {
  switch (reduction) {
    case Reduction::sum: break;
    case Reduction::prod: return find<Product>(is_f64);
    case Reduction::max: return find<Maximum>(is_f64);
    case Reduction::min: return find<Minimum>(is_f64);
  }
  return find<Sum>(is_f64);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

// Integers, whose order does not matter, are left to the compiler.
template <Reduction reduction, typename T>
T combined(T a, T b) {
  switch (reduction) {
    case Reduction::sum: return wrapped_sum(a, b);
    case Reduction::prod: return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
    case Reduction::max: return b > a ? b : a;
    case Reduction::min: return b < a ? b : a;
  }
}

template <Reduction reduction, typename T>
constexpr T neutral() {
  using Limits = std::numeric_limits<T>;
  switch (reduction) {
    case Reduction::sum: return 0;
    case Reduction::prod: return 1;
    case Reduction::max: return Limits::lowest();
    case Reduction::min: return Limits::max();
  }
}

template <Reduction reduction, typename T, std::size_t width>
void reduce_integers(void* result, const void* in, std::int64_t rows, std::int64_t stride) {
  std::array<T, width> columns;
  columns.fill(neutral<reduction, T>());
  const T* row = static_cast<const T*>(in);
  for (std::int64_t r = 0; r < rows; ++r, row += stride) {
    for (std::size_t j = 0; j < width; ++j) columns[j] = combined<reduction>(columns[j], row[j]);
  }
  std::copy_n(columns.data(), width, static_cast<T*>(result));
}

template <Reduction reduction, typename T, std::size_t lanes>
void reduce_long_rows_of_integers(void* results, const void* in, std::int64_t count, std::int64_t n) {
  constexpr auto step = static_cast<std::int64_t>(lanes);
  const std::int64_t rows = n / step, rest = n % step;
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(results);
  for (; count > 0; --count, from += n, ++to) {
    std::array<T, lanes> columns;
    reduce_integers<reduction, T, lanes>(columns.data(), from, rows, step);
    for (std::int64_t i = 0; i < rest; ++i) {
      T& column = columns[static_cast<std::size_t>(i)];
      column = combined<reduction>(column, from[rows * step + i]);
    }
    reduce_integers<reduction, T, 1>(to, columns.data(), step, 1);
  }
}

template <Reduction reduction, typename T>
constexpr RowReducers for_integers{.wide = reduce_integers<reduction, T, row_lanes(sizeof(T))>,
                                   .eight = reduce_integers<reduction, T, 8>,
                                   .one = reduce_integers<reduction, T, 1>,
                                   .long_rows = reduce_long_rows_of_integers<reduction, T, row_lanes(sizeof(T))>,
                                   .size = sizeof(T)};

template <typename T>
const RowReducers& find_for_integers(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum: break;
    case Reduction::prod: return for_integers<Reduction::prod, T>;
    case Reduction::max: return for_integers<Reduction::max, T>;
    case Reduction::min: return for_integers<Reduction::min, T>;
  }
  return for_integers<Reduction::sum, T>;
}

}  // namespace

HWY_EXPORT(find_here);

const RowReducers& find_row_reducers(Reduction reduction, DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::f64: return HWY_DYNAMIC_DISPATCH(find_here)(reduction, dtype == DType::f64);
    case DType::i32: return find_for_integers<std::int32_t>(reduction);
    case DType::i64: return find_for_integers<std::int64_t>(reduction);
    case DType::u8:
    case DType::boolean: break;
  }
  return find_for_integers<std::uint8_t>(reduction);
}

}  // namespace wengert::kernels
#endif
