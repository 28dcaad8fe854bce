#include <algorithm>
#include <cstddef>
#include <limits>

#include <wengert/autograd/kernels/along_axis.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/softmax.h>
#include <wengert/autograd/kernels/softmax_rows.h>

namespace wengert::kernels {
namespace {

// Of an array [outer, n, inner], or of some columns of a matrix: then `stride` elements are from one row to the next.
struct Extents {
  std::int64_t outer, n, inner, stride = inner;
  std::int64_t rows() const { return outer * inner; }
  std::int64_t elements() const { return rows() * n; }
};

// In multiply-adds (threads.h): an exponential, and some passes over the cache.
constexpr double cost_of_element = 100;

std::int64_t slabs_together(const Extents& all) {
  const std::int64_t slab = all.n * all.inner;
  return std::clamp<std::int64_t>(elements_together / std::max<std::int64_t>(slab, 1), 1,
                                  std::max<std::int64_t>(all.outer, 1));
}

// Room for a primitive to work on: whole blocks.
template <typename T>
std::size_t padded(std::int64_t count) {
  constexpr std::size_t block = block_bytes / sizeof(T);
  return (static_cast<std::size_t>(count) + block - 1) / block * block;
}

// The work on a group of slabs: exponentials of differences to the largest, and their sums.
template <typename T>
class Exponentials {
 public:
  explicit Exponentials(const Extents& largest_group)
      : exp_(find_primitive(Primitive::exp, dtype_of<T>)),
        log1p_(find_primitive(Primitive::log1p, dtype_of<T>)),
        maps_(find_row_maps(dtype_of<T>)),
        terms_(padded<T>(largest_group.elements())),
        rows_(padded<T>(largest_group.rows())) {}

  void softmax(const Extents& e, const T* x, T* y) const {
    reduced(Reduction::max, e, x, e.stride, rows_.at(0));
    exponentiate(e, x, rows_.at(0));
    reduced(Reduction::sum, e, terms_.at(0), e.inner, rows_.at(0));
    maps_.divide(rows_from_to(e, e.inner, e.stride), terms_.at(0), y, rows_.at(0), rows_.at(0));
  }

  void log_sum_exp(const Extents& e, const T* x, T* largest, T* rest) const {
    find_rest(e, x, largest);
    std::copy_n(rows_.at(0), e.rows(), rest);
  }

  void log_softmax(const Extents& e, const T* x, T* y) const {
    const PoolArray<T> largest(static_cast<std::size_t>(e.rows()));
    find_rest(e, x, largest.at(0));
    maps_.subtract_both(rows_from_to(e, e.stride, e.stride), x, y, largest.at(0), rows_.at(0));
  }

 private:
  // Σ eˣ⁻ᵐ is 1 and what all others add to it: ln(1 + others) is exact also where they are tiny. It is left in rows_.
  void find_rest(const Extents& e, const T* x, T* largest) const {
    reduced(Reduction::max, e, x, e.stride, largest);
    exponentiate(e, x, largest);
    maps_.clear_first(rows_from_to(e, e.stride, e.inner), x, terms_.at(0), largest, largest);
    reduced(Reduction::sum, e, terms_.at(0), e.inner, rows_.at(0));
    log1p_({rows_.at(0)}, {}, {}, rows_.at(0), static_cast<std::size_t>(e.rows()));
  }

  static RowExtents rows_from_to(const Extents& e, std::int64_t x_stride, std::int64_t y_stride) {
    return {e.outer, e.n, e.inner, x_stride, y_stride};
  }

  // Rows of `in` are `stride` apart. Some columns of a matrix are reduced as columns also where they are one.
  static void reduced(Reduction reduction, const Extents& e, const T* in, std::int64_t stride, T* out) {
    if (e.stride == e.inner)
      reduce(reduction, dtype_of<T>, in, out, e.outer, e.n, e.inner);
    else
      reduce_columns(reduction, dtype_of<T>, in, out, e.n, e.inner, stride);
  }

  void exponentiate(const Extents& e, const T* x, const T* largest) const {
    maps_.subtract(rows_from_to(e, e.stride, e.inner), x, terms_.at(0), largest, largest);
    exp_({terms_.at(0)}, {}, {}, terms_.at(0), static_cast<std::size_t>(e.elements()));
  }

  PrimitiveFunction exp_, log1p_;
  RowMaps maps_;
  PoolArray<T> terms_, rows_;
};

// Calls f(work, extents, first element, first row) group by group, as the type that `dtype` stands for. Groups are of
// whole slabs or, where threads are more than those, of columns.
template <typename F>
void for_each_group(DType dtype, const Extents& all, F f) {
  dispatch_floating(dtype, [&]<typename T>(T tag) {
    constexpr std::int64_t least_columns = 32;
    const std::int64_t together = slabs_together(all);
    const double work = work_of<T>(cost_of_element, all.elements());
    for_each_part(all.outer, all.inner, together, least_columns, work, [&](const Part& part) {
      const std::int64_t columns = part.inner_end - part.inner_begin;
      const Exponentials<T> room({together, all.n, columns});
      for (std::int64_t o = part.outer_begin; o < part.outer_end; o += together) {
        const Extents group = {std::min(together, part.outer_end - o), all.n, columns, all.inner};
        f(room, group, o * all.n * all.inner + part.inner_begin, o * all.inner + part.inner_begin, tag);
      }
    });
  });
}

}  // namespace

void softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if (outer * n * inner == 0) return;
  for_each_group(dtype, {outer, n, inner},
                 [&](const auto& work, const Extents& e, std::int64_t at, std::int64_t, auto tag) {
                   using T = decltype(tag);
                   work.softmax(e, static_cast<const T*>(x) + at, static_cast<T*>(y) + at);
                 });
}

void log_sum_exp(DType dtype, const void* x, void* largest, void* rest, std::int64_t outer, std::int64_t n,
                 std::int64_t inner) {
  for_each_group(dtype, {outer, n, inner},
                 [&](const auto& work, const Extents& e, std::int64_t at, std::int64_t row, auto tag) {
                   using T = decltype(tag);
                   T* m = static_cast<T*>(largest) + row;
                   T* r = static_cast<T*>(rest) + row;
                   if (e.n == 0) {
                     std::fill_n(m, e.rows(), -std::numeric_limits<T>::infinity());
                     std::fill_n(r, e.rows(), std::numeric_limits<T>::quiet_NaN());
                   } else if (e.rows() != 0) {
                     work.log_sum_exp(e, static_cast<const T*>(x) + at, m, r);
                   }
                 });
}

void log_softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if (outer * n * inner == 0) return;
  for_each_group(dtype, {outer, n, inner},
                 [&](const auto& work, const Extents& e, std::int64_t at, std::int64_t, auto tag) {
                   using T = decltype(tag);
                   work.log_softmax(e, static_cast<const T*>(x) + at, static_cast<T*>(y) + at);
                 });
}

}  // namespace wengert::kernels
