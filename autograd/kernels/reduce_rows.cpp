#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

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

// What stands in reduce.cpp for single numbers.
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
    for (V& v : values_) v = hn::Set(D(), static_cast<T>(Op::neutral));
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
  columns_of<Op, T, width>(static_cast<const T*>(in), rows, stride).store(static_cast<T*>(result));
}

#if HWY_TARGET != HWY_SCALAR
// Combines the lanes pairwise, the upper half with the lower, until one is left.
template <class Op, typename T, std::size_t width>
HWY_INLINE void fold(T* lanes) {
  if constexpr (width > 1) {
    constexpr std::size_t half = width / 2;
    const hn::CappedTag<T, half> d;
    for (std::size_t j = 0; j < half; j += hn::MaxLanes(d))
      hn::StoreU(Op::combine(hn::LoadU(d, lanes + j), hn::LoadU(d, lanes + half + j)), d, lanes + j);
    fold<Op, T, half>(lanes);
  }
}

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

// Each row as so many rows of `width` columns, and their sums.
template <class Op, typename T, std::size_t width>
void reduce_long_rows(void* results, const void* in, std::int64_t count, std::int64_t rows) {
  using All = Columns<Op, T, width>;
  constexpr auto n = static_cast<std::int64_t>(All::n), step = static_cast<std::int64_t>(width);
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(results);
  for (; count >= n; count -= n, to += n) {
    typename All::V folded[All::n];
    HWY_UNROLL(1)
    for (auto& row : folded) {
      row = columns_of<Op, T, width>(from, rows, step).folded();
      from += rows * step;
    }
    hn::StoreU(fold_side_by_side<Op>(typename All::D(), folded), typename All::D(), to);
  }
  for (; count > 0; --count, from += rows * step) {
    T lanes[width];
    reduce_rows<Op, T, width>(lanes, from, rows, step);
    fold<Op, T, width>(lanes);
    *to++ = lanes[0];
  }
}
#endif

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
RowReducers find() {
  constexpr std::size_t wide = 128 / sizeof(T);
  RowReducers found{.wide = reduce_rows<Op, T, wide>,
                    .eight = reduce_rows<Op, T, 8>,
                    .one = reduce_rows<Op, T, 1>,
                    .short_rows = reduce_short_rows<T, wide>};
#if HWY_TARGET != HWY_SCALAR
  if constexpr (!std::is_same_v<Op, Product>) found.long_rows = reduce_long_rows<Op, T, wide>;
#endif
  return found;
}
template <class Op>
RowReducers find(bool is_f64) {
  return is_f64 ? find<Op, double>() : find<Op, float>();
}

RowReducers find_here(Reduction reduction, bool is_f64) {
  switch (reduction) {
    case Reduction::sum: return find<Sum>(is_f64);
    case Reduction::prod: return find<Product>(is_f64);
    case Reduction::max: return find<Maximum>(is_f64);
    case Reduction::min: return find<Minimum>(is_f64);
  }
  return {};
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {

HWY_EXPORT(find_here);

RowReducers find_row_reducers(Reduction reduction, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_here)(reduction, dtype == DType::f64);
}

}  // namespace wengert::kernels
#endif
