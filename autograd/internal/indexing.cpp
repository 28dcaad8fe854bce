#include <algorithm>
#include <atomic>
#include <type_traits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/indexing.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operation.h>

namespace wengert::detail {
namespace {

/// In multiply-adds (kernels/threads.h): an index, and an f32 that is anywhere in memory.
constexpr double cost_of_index = 25, cost_of_element = 40;

/// The indices as i64, each found to be one of `n`; those below 0 count from the end where that is allowed. `of` says
/// in a message what n is.
template <typename Describe>
Tensor checked_indices(const char* operation, const Tensor& indices, std::int64_t n, bool from_end, Describe of) {
  Tensor result = empty(indices.shape(), DType::i64);
  std::int64_t* const out = writable<std::int64_t>(result).data();
  dispatch(indices.dtype(), [&](auto type) {
    const auto given = indices.data<decltype(type)>();
    const auto place_of = [&](std::int64_t i) {
      const auto index = static_cast<std::int64_t>(given[static_cast<std::size_t>(i)]);
      return from_end && index < 0 ? index + n : index;
    };
    const auto is_outside = [n](std::int64_t place) { return place < 0 || place >= n; };
    std::atomic<bool> all_inside = true;
    kernels::parallel_ranges(indices.size(), 1, cost_of_index * static_cast<double>(indices.size()),
                             [&](std::int64_t begin, std::int64_t end) {
                               for (std::int64_t i = begin; i < end; ++i) out[i] = place_of(i);
                               if (std::any_of(out + begin, out + end, is_outside)) all_inside = false;
                             });
    if (all_inside) return;
    const std::int64_t first = std::find_if(out, out + indices.size(), is_outside) - out;
    const auto index = static_cast<std::int64_t>(given[static_cast<std::size_t>(first)]);
    throw ValueError(n == 0 ? fmt::format("{}: index {} is out of range: {} has no elements", operation, index, of())
                            : fmt::format("{}: index {} is out of range; expected {} … {} for {}", operation, index,
                                          from_end ? -n : 0, n - 1, of()));
  });
  return result;
}

/// Sums as the dtype does: integers wrap.
template <typename T>
T wrapped_sum(T a, T b) {
  if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, bool>)
    return static_cast<T>(a + b);
  else
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
}

}  // namespace

void require_indices(const char* operation, const Tensor& indices) {
  if (!is_floating(indices.dtype()) && indices.dtype() != DType::boolean) return;
  throw DTypeError(fmt::format("{}: the indices are {}; expected integers; cast them: cast(x, DType::i64)", operation,
                               name_of(indices.dtype())));
}

AxisIndices::AxisIndices(const char* operation, const Shape& shape, std::size_t axis, const Tensor& indices, Kind kind)
    : run_(shape, axis),
      count_(kind == per_slice ? indices.size() : indices.shape()[axis]),
      kind_(kind),
      indices_(checked_indices(operation, indices, run_.n, true,
                               [&] { return fmt::format("axis {} of {}", axis, to_string(shape)); })) {}

template <typename F>
void AxisIndices::for_each(const Part& part, F f) const {
  using One = std::integral_constant<std::int64_t, 1>;
  const std::int64_t* const index = indices_.data<std::int64_t>().data();
  for (std::int64_t o = part.outer.begin; o < part.outer.end; ++o) {
    for (std::int64_t j = part.indices.begin; j < part.indices.end; ++j) {
      const std::int64_t array = o * run_.n, row = (o * count_ + j) * run_.inner, first = part.inner.begin;
      if (kind_ == per_entry) {
        for (std::int64_t i = first; i < part.inner.end; ++i)
          f((array + index[row + i]) * run_.inner + i, row + i, One());
      } else if (run_.inner == 1) {
        f(array + index[j], row, One());
      } else {
        f((array + index[j]) * run_.inner + first, row + first, part.inner.end - first);
      }
    }
  }
}

template <typename T, typename F>
void AxisIndices::divide(Interval Part::*axis, F f) const {
  const Part whole = {{0, run_.outer}, {0, count_}, {0, run_.inner}};
  const bool has_many = run_.outer >= kernels::threads();
  Interval Part::*const divided = has_many ? &Part::outer : axis;
  const double work = kernels::work_of<T>(cost_of_element, run_.outer * count_ * run_.inner);
  kernels::parallel_ranges((whole.*divided).end, 1, work, [&](std::int64_t begin, std::int64_t end) {
    Part part = whole;
    part.*divided = {begin, end};
    for_each(part, f);
  });
}

void AxisIndices::read(const Tensor& x, Tensor& result) const {
  dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = static_cast<const T*>(Access::elements(x));
    T* to = static_cast<T*>(Access::elements(result));
    divide<T>(&Part::indices, [=](std::int64_t whole, std::int64_t part, auto run) {
      std::copy_n(from + whole, std::int64_t{run}, to + part);
    });
  });
}

void AxisIndices::add(const Tensor& x, const Tensor& updates, Tensor& result) const {
  dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = static_cast<const T*>(Access::elements(updates));
    T* to = static_cast<T*>(Access::elements(result));
    StridedCopy{x.shape(), row_major_strides(x.shape()), row_major_strides(x.shape())}(x, result);
    // Not by indices: of those to one place, one must wait for the other.
    divide<T>(&Part::inner, [=](std::int64_t whole, std::int64_t part, auto run) {
      for (std::int64_t i = 0; i < run; ++i) to[whole + i] = wrapped_sum(to[whole + i], from[part + i]);
    });
  });
}

void write_one_hot(const Tensor& indices, std::int64_t depth, Tensor& result) {
  const Tensor places =
      checked_indices("one_hot", indices, depth, false, [&] { return fmt::format("depth {}", depth); });
  dispatch(result.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t* const place = places.data<std::int64_t>().data();
    T* const out = static_cast<T*>(Access::elements(result));
    const double work = kernels::work_of<T>(cost_of_element, result.size());
    kernels::parallel_ranges(places.size(), 1, work, [=](std::int64_t begin, std::int64_t end) {
      std::fill(out + begin * depth, out + end * depth, T{0});
      for (std::int64_t row = begin; row < end; ++row) out[row * depth + place[row]] = T{1};
    });
  });
}

}  // namespace wengert::detail
