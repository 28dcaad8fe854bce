#include <algorithm>
#include <cstddef>
#include <cstdint>
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

// The work on a group of slabs: exponentials of differences to the largest, and their sums.
class Exponentials {
 public:
  Exponentials(DType dtype, const Extents& largest_group)
      : dtype_(dtype),
        exp_(find_primitive(Primitive::exp, dtype)),
        log1p_(find_primitive(Primitive::log1p, dtype)),
        maps_(find_row_maps(dtype)),
        terms_(bytes(largest_group.elements())),
        rows_(2 * bytes(largest_group.rows())),
        largest_(rows_.at(bytes(largest_group.rows()))) {}

  void softmax(const Extents& e, const std::byte* x, std::byte* y) const {
    reduced(Reduction::max, e, x, e.stride, rows_.at(0));
    exponentiate(e, x, rows_.at(0));
    reduced(Reduction::sum, e, terms_.at(0), e.inner, rows_.at(0));
    maps_.divide(rows_from_to(e, e.inner, e.stride), terms_.at(0), y, rows_.at(0), rows_.at(0));
  }

  void log_sum_exp(const Extents& e, const std::byte* x, std::byte* largest, std::byte* rest) const {
    find_rest(e, x, largest);
    std::copy_n(rows_.at(0), static_cast<std::size_t>(e.rows()) * size_of(dtype_), rest);
  }

  void log_softmax(const Extents& e, const std::byte* x, std::byte* y) const {
    find_rest(e, x, largest_);
    maps_.subtract_both(rows_from_to(e, e.stride, e.stride), x, y, largest_, rows_.at(0));
  }

 private:
  // Room for a primitive to work on so many elements.
  std::size_t bytes(std::int64_t elements) const {
    return whole_blocks(static_cast<std::size_t>(elements) * size_of(dtype_));
  }

  // Σ eˣ⁻ᵐ is 1 and what all others add to it: ln(1 + others) is exact also where they are tiny. It is left in rows_.
  void find_rest(const Extents& e, const std::byte* x, std::byte* largest) const {
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
  void reduced(Reduction reduction, const Extents& e, const std::byte* in, std::int64_t stride, std::byte* out) const {
    if (e.stride == e.inner)
      reduce(reduction, dtype_, in, out, e.outer, e.n, e.inner);
    else
      reduce_columns(reduction, dtype_, in, out, e.n, e.inner, stride);
  }

  void exponentiate(const Extents& e, const std::byte* x, const std::byte* largest) const {
    maps_.subtract(rows_from_to(e, e.stride, e.inner), x, terms_.at(0), largest, largest);
    exp_({terms_.at(0)}, {}, {}, terms_.at(0), static_cast<std::size_t>(e.elements()));
  }

  DType dtype_;
  PrimitiveFunction exp_, log1p_;
  RowMaps maps_;
  PoolArray<std::byte> terms_, rows_;
  std::byte* largest_;  // behind the others of rows_
};

// Calls f(work, extents, where the first element is, where the first row is), in bytes, group by group. Groups are of
// whole slabs or, where threads are more than those, of columns.
template <typename F>
void for_each_group(DType dtype, const Extents& all, const F& f) {
  constexpr std::int64_t least_columns = 32;
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  const std::int64_t together = slabs_together(all);
  const double work = work_of(cost_of_element, all.elements(), size_of(dtype));
  for_each_part(all.outer, all.inner, together, least_columns, work, [&](const Part& part) {
    const std::int64_t columns = part.inner_end - part.inner_begin;
    const Exponentials exponentials(dtype, {together, all.n, columns});
    for (std::int64_t o = part.outer_begin; o < part.outer_end; o += together) {
      const Extents group = {std::min(together, part.outer_end - o), all.n, columns, all.inner};
      f(exponentials, group, (o * all.n * all.inner + part.inner_begin) * size,
        (o * all.inner + part.inner_begin) * size);
    }
  });
}

// y of x's shape.
void map_groups(void (Exponentials::*map)(const Extents&, const std::byte*, std::byte*) const, DType dtype,
                const void* x, void* y, const Extents& all) {
  if (all.elements() == 0) return;
  for_each_group(dtype, all, [&](const Exponentials& work, const Extents& e, std::int64_t at, std::int64_t) {
    (work.*map)(e, static_cast<const std::byte*>(x) + at, static_cast<std::byte*>(y) + at);
  });
}

}  // namespace

void softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  map_groups(&Exponentials::softmax, dtype, x, y, {outer, n, inner});
}

void log_sum_exp(DType dtype, const void* x, void* largest, void* rest, std::int64_t outer, std::int64_t n,
                 std::int64_t inner) {
  const Extents all = {outer, n, inner};
  if (n == 0) {
    return dispatch_floating(dtype, [&]<typename T>(T) {
      std::fill_n(static_cast<T*>(largest), all.rows(), -std::numeric_limits<T>::infinity());
      std::fill_n(static_cast<T*>(rest), all.rows(), std::numeric_limits<T>::quiet_NaN());
    });
  }
  if (all.rows() == 0) return;
  for_each_group(dtype, all, [&](const Exponentials& work, const Extents& e, std::int64_t at, std::int64_t row) {
    work.log_sum_exp(e, static_cast<const std::byte*>(x) + at, static_cast<std::byte*>(largest) + row,
                     static_cast<std::byte*>(rest) + row);
  });
}

void log_softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  map_groups(&Exponentials::log_softmax, dtype, x, y, {outer, n, inner});
}

}  // namespace wengert::kernels
