#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include <wengert/autograd/kernels/along_axis.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/scan.h>

namespace wengert::kernels {
namespace {

// In multiply-adds (threads.h): looking at an element; adding one, which waits for the one before.
constexpr double cost_of_look = 20, cost_of_sum = 60;

// Whether x is where the extreme of a sequence is, which is NaN where there is one.
template <typename T>
bool is_at(T x, T extreme) {
  return x == extreme || x != x;
}

// Columns from `begin` on, before `end`: of the rows that hold a column's extreme, the first is written last.
template <typename T>
void find_in_columns(const T* in, const T* extremes, std::int64_t* out, std::int64_t n, std::int64_t inner,
                     std::int64_t begin, std::int64_t end) {
  std::fill(out + begin, out + end, n - 1);  // read below before it is found
  for (std::int64_t i = n; i-- > 0;) {
    const T* const row = in + i * inner;
    for (std::int64_t j = begin; j < end; ++j) out[j] = is_at(row[j], extremes[j - begin]) ? i : out[j];
  }
}

template <typename T>
void find_in_rows(const T* in, const T* extremes, std::int64_t* out, std::int64_t n, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row, in += n) {
    const T extreme = extremes[row];
    out[row] = std::find_if(in, in + n, [extreme](T x) { return is_at(x, extreme); }) - in;
  }
}

template <typename T>
void arg_reduce_part(Reduction extreme, const T* in, std::int64_t* out, std::int64_t n, std::int64_t inner,
                     const Part& part) {
  const std::int64_t rows = part.outer_end - part.outer_begin, columns = part.inner_end - part.inner_begin;
  const PoolArray<T> extremes(static_cast<std::size_t>(inner == 1 ? rows : columns));
  in += part.outer_begin * n * inner;
  out += part.outer_begin * inner;
  if (inner == 1) {
    reduce(extreme, dtype_of<T>, in, extremes.at(0), rows, n, 1);
    return find_in_rows(in, extremes.at(0), out, n, rows);
  }
  for (std::int64_t o = 0; o < rows; ++o, in += n * inner, out += inner) {
    reduce_columns(extreme, dtype_of<T>, in + part.inner_begin, extremes.at(0), n, columns, inner);
    find_in_columns(in, extremes.at(0), out, n, inner, part.inner_begin, part.inner_end);
  }
}

// Running sums of f32 are kept in f64, and rounded as they are written.
template <typename T>
using Running = std::conditional_t<std::is_same_v<T, float>, double, T>;

constexpr std::int64_t lanes = 8;

// Of sequences that begin `lane` apart, of n elements `stride` apart: eight side by side, so that none waits for
// itself. Where the caller says that they are 1 apart, the compiler makes vectors of them.
template <typename T>
void sum_up(const T* in, T* out, std::int64_t n, std::int64_t stride, std::int64_t count, std::int64_t lane) {
  std::int64_t first = 0;
  for (; first + lanes <= count; first += lanes, in += lanes * lane, out += lanes * lane) {
    std::array<Running<T>, lanes> sums{};
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < lanes; ++j) {
        Running<T>& sum = sums[static_cast<std::size_t>(j)];
        sum = wrapped_sum(sum, static_cast<Running<T>>(in[i * stride + j * lane]));
        out[i * stride + j * lane] = static_cast<T>(sum);
      }
    }
  }
  for (; first < count; ++first, in += lane, out += lane) {
    Running<T> sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      sum = wrapped_sum(sum, static_cast<Running<T>>(in[i * stride]));
      out[i * stride] = static_cast<T>(sum);
    }
  }
}

}  // namespace

void arg_reduce(bool largest, DType dtype, const void* in, std::int64_t* out, std::int64_t outer, std::int64_t n,
                std::int64_t inner) {
  const Reduction extreme = largest ? Reduction::max : Reduction::min;
  for_each_part(outer, inner, 1, lanes, work_of(cost_of_look, outer * n * inner, size_of(dtype)),
                [&](const Part& part) {
                  dispatch_stored(dtype, [&](auto tag) {
                    arg_reduce_part(extreme, static_cast<const decltype(tag)*>(in), out, n, inner, part);
                  });
                });
}

void cumulative_sum(DType dtype, const void* in, void* out, std::int64_t outer, std::int64_t n, std::int64_t inner,
                    bool reverse) {
  if (n == 0) return;
  const std::int64_t start = reverse ? (n - 1) * inner : 0, stride = reverse ? -inner : inner;
  for_each_part(outer, inner, lanes, lanes, work_of(cost_of_sum, outer * n * inner, size_of(dtype)),
                [&](const Part& part) {
                  dispatch_stored(dtype, [&](auto tag) {
                    const auto* from = static_cast<const decltype(tag)*>(in) + start;
                    auto* to = static_cast<decltype(tag)*>(out) + start;
                    const std::int64_t rows = part.outer_end - part.outer_begin, slab = n * inner;
                    if (inner == 1)
                      return sum_up(from + part.outer_begin * n, to + part.outer_begin * n, n, stride, rows, n);
                    for (std::int64_t o = part.outer_begin; o < part.outer_end; ++o) {
                      const std::int64_t first = o * slab + part.inner_begin;
                      sum_up(from + first, to + first, n, stride, part.inner_end - part.inner_begin, 1);
                    }
                  });
                });
}

}  // namespace wengert::kernels
