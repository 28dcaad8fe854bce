#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/softmax.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

struct Extents {
  std::int64_t outer, n, inner;
  std::int64_t rows() const { return outer * inner; }
  std::int64_t elements() const { return rows() * n; }
};

// Elements worked on together, within the first-level cache, unless one slab [n, inner] has more.
constexpr std::int64_t group_elements = 1024;
// In multiply-adds (threads.h): an exponential, and some passes over the cache.
constexpr double cost_of_element = 100;

std::int64_t slabs_together(const Extents& all) {
  const std::int64_t slab = all.n * all.inner;
  return std::clamp<std::int64_t>(group_elements / std::max<std::int64_t>(slab, 1), 1,
                                  std::max<std::int64_t>(all.outer, 1));
}

// Room for a primitive to work on: whole blocks.
template <typename T>
std::size_t padded(std::int64_t count) {
  constexpr std::size_t block = block_bytes / sizeof(T);
  return (static_cast<std::size_t>(count) + block - 1) / block * block;
}

// y[o, j, i] = f(x[o, j, i], row[o, i])
template <typename T, typename F>
void along_rows(const Extents& e, const T* x, const T* row, T* y, F f) {
  if (e.inner == 1) {
    for (std::int64_t o = 0; o < e.outer; ++o, x += e.n, y += e.n) {
      const T value = row[o];
      for (std::int64_t j = 0; j < e.n; ++j) y[j] = f(x[j], value);
    }
    return;
  }
  for (std::int64_t o = 0; o < e.outer; ++o, row += e.inner) {
    for (std::int64_t j = 0; j < e.n; ++j, x += e.inner, y += e.inner) {
      for (std::int64_t i = 0; i < e.inner; ++i) y[i] = f(x[i], row[i]);
    }
  }
}

template <typename T>
T difference(T a, T b) {
  return a - b;
}

// The work on a group of slabs: exponentials of differences to the largest, and their sums.
template <typename T>
class Exponentials {
 public:
  explicit Exponentials(const Extents& largest_group)
      : exp_(find_primitive(Primitive::exp, dtype_of<T>)),
        log1p_(find_primitive(Primitive::log1p, dtype_of<T>)),
        terms_(padded<T>(largest_group.elements())),
        rows_(padded<T>(largest_group.rows())) {}

  void softmax(const Extents& e, const T* x, T* y) const {
    reduce(Reduction::max, dtype_of<T>, x, rows_.at(0), e.outer, e.n, e.inner);
    exponentiate(e, x, rows_.at(0));
    reduce(Reduction::sum, dtype_of<T>, terms_.at(0), rows_.at(0), e.outer, e.n, e.inner);
    along_rows(e, terms_.at(0), rows_.at(0), y, [](T term, T sum) { return term / sum; });
  }

  // Σ eˣ⁻ᵐ is 1 and what all others add to it: ln(1 + others) is exact also where they are tiny.
  void log_sum_exp(const Extents& e, const T* x, T* largest, T* rest) const {
    reduce(Reduction::max, dtype_of<T>, x, largest, e.outer, e.n, e.inner);
    exponentiate(e, x, largest);
    leave_out_largest(e, x, largest);
    reduce(Reduction::sum, dtype_of<T>, terms_.at(0), rows_.at(0), e.outer, e.n, e.inner);
    log1p_({rows_.at(0)}, {}, {}, rows_.at(0), static_cast<std::size_t>(e.rows()));
    std::copy_n(rows_.at(0), e.rows(), rest);
  }

 private:
  void exponentiate(const Extents& e, const T* x, const T* largest) const {
    along_rows(e, x, largest, terms_.at(0), difference<T>);
    exp_({terms_.at(0)}, {}, {}, terms_.at(0), static_cast<std::size_t>(e.elements()));
  }

  void leave_out_largest(const Extents& e, const T* x, const T* largest) const {
    for (std::int64_t o = 0; o < e.outer; ++o) {
      for (std::int64_t i = 0; i < e.inner; ++i) {
        const T found = largest[o * e.inner + i];
        if (!std::isfinite(found)) continue;
        std::int64_t at = o * e.n * e.inner + i;
        while (x[at] != found) at += e.inner;
        terms_.at(0)[at] = 0;
      }
    }
  }

  PrimitiveFunction exp_, log1p_;
  PoolArray<T> terms_, rows_;
};

// Calls f(work, extents, first element, first row) group by group, as the type that `dtype` stands for.
template <typename F>
void for_each_group(DType dtype, const Extents& all, F f) {
  dispatch(dtype, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_floating_point_v<T>) {
      const std::int64_t together = slabs_together(all);
      parallel_ranges(all.outer, together, work_of<T>(cost_of_element, all.elements()),
                      [&](std::int64_t begin, std::int64_t end) {
                        const Exponentials<T> room({together, all.n, all.inner});
                        for (std::int64_t o = begin; o < end; o += together) {
                          const Extents group = {std::min(together, end - o), all.n, all.inner};
                          f(room, group, o * all.n * all.inner, o * all.inner, tag);
                        }
                      });
    }
  });
}

}  // namespace

void softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if (outer * n * inner == 0) return;
  for_each_group(dtype, {outer, n, inner}, [&](auto& work, const Extents& e, std::int64_t at, std::int64_t, auto tag) {
    using T = decltype(tag);
    work.softmax(e, static_cast<const T*>(x) + at, static_cast<T*>(y) + at);
  });
}

void log_sum_exp(DType dtype, const void* x, void* largest, void* rest, std::int64_t outer, std::int64_t n,
                 std::int64_t inner) {
  for_each_group(dtype, {outer, n, inner},
                 [&](auto& work, const Extents& e, std::int64_t at, std::int64_t row, auto tag) {
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
  for_each_group(dtype, {outer, n, inner}, [&](auto& work, const Extents& e, std::int64_t at, std::int64_t, auto tag) {
    using T = decltype(tag);
    const PoolArray<T> largest(static_cast<std::size_t>(e.rows())), rest(static_cast<std::size_t>(e.rows()));
    const T* from = static_cast<const T*>(x) + at;
    T* to = static_cast<T*>(y) + at;
    work.log_sum_exp(e, from, largest.at(0), rest.at(0));
    along_rows(e, from, largest.at(0), to, difference<T>);
    along_rows(e, to, rest.at(0), to, difference<T>);
  });
}

}  // namespace wengert::kernels
