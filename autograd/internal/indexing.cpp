#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <type_traits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/indexing.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/kernels/along_axis.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operation.h>

namespace wengert::detail {
namespace {

/// In multiply-adds (kernels/threads.h): an index, and what is anywhere in memory.
constexpr double cost_of_index = 25, cost_of_element = 40;

/// The indices as i64, each found to be one of `n`; those below 0 count from the end where that is allowed. `of` says
/// in a message what n is.
Tensor checked_indices(const char* operation, const Tensor& indices, std::int64_t n, bool from_end,
                       const std::function<std::string()>& of) {
  Tensor result = empty(indices.shape(), DType::i64);
  std::int64_t* const places = writable<std::int64_t>(result).data();
  const auto find_places = [&](std::int64_t begin, std::int64_t end) {
    dispatch(indices.dtype(), [&](auto type) {
      const auto* const given = static_cast<const decltype(type)*>(Access::elements(indices));
      for (std::int64_t i = begin; i < end; ++i) {
        const auto index = static_cast<std::int64_t>(given[i]);
        places[i] = from_end && index < 0 ? index + n : index;
      }
    });
  };
  const auto is_outside = [n](std::int64_t place) { return place < 0 || place >= n; };
  std::atomic<bool> all_inside = true;
  const double work = cost_of_index * static_cast<double>(indices.size());
  kernels::parallel_ranges(indices.size(), 1, work, [&](std::int64_t begin, std::int64_t end) {
    find_places(begin, end);
    if (std::any_of(places + begin, places + end, is_outside)) all_inside = false;
  });
  if (all_inside) return result;

  const std::int64_t place = *std::find_if(places, places + indices.size(), is_outside);
  const std::int64_t index = from_end && place < 0 ? place - n : place;  // as it was given
  throw ValueError(n == 0 ? fmt::format("{}: index {} is out of range: {} has no elements", operation, index, of())
                          : fmt::format("{}: index {} is out of range; expected {} … {} for {}", operation, index,
                                        from_end ? -n : 0, n - 1, of()));
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
    const std::int64_t array = o * run_.n, first = part.inner.begin;
    if (run_.inner == 1) {
      const std::int64_t* const own = kind_ == per_entry ? index + o * count_ : index;
      for (std::int64_t j = part.indices.begin; j < part.indices.end; ++j) f(array + own[j], o * count_ + j, One());
      continue;
    }
    for (std::int64_t j = part.indices.begin; j < part.indices.end; ++j) {
      const std::int64_t row = (o * count_ + j) * run_.inner;
      if (kind_ == per_slice) {
        f((array + index[j]) * run_.inner + first, row + first, part.inner.end - first);
      } else {
        for (std::int64_t i = first; i < part.inner.end; ++i)
          f((array + index[row + i]) * run_.inner + i, row + i, One());
      }
    }
  }
}

void AxisIndices::divide(Interval Part::*axis, std::size_t bytes, const std::function<void(const Part&)>& f) const {
  const Part whole = {{0, run_.outer}, {0, count_}, {0, run_.inner}};
  const double work = kernels::work_of(cost_of_element, run_.outer * count_ * run_.inner, bytes);
  kernels::for_each_part(run_.outer, (whole.*axis).end, 1, 1, work, [&](const kernels::Part& own) {
    Part part = whole;
    part.outer = {own.outer_begin, own.outer_end};
    part.*axis = {own.inner_begin, own.inner_end};
    f(part);
  });
}

void AxisIndices::read(const Tensor& x, Tensor& result) const {
  const auto read_part = [&](const Part& part) {
    dispatch(x.dtype(), [&](auto type) {
      const auto* from = static_cast<const decltype(type)*>(Access::elements(x));
      auto* to = static_cast<decltype(type)*>(Access::elements(result));
      for_each(part, [=](std::int64_t whole, std::int64_t place, auto run) {
        std::copy_n(from + whole, std::int64_t{run}, to + place);
      });
    });
  };
  divide(&Part::indices, size_of(x.dtype()), std::cref(read_part));
}

void AxisIndices::add(const Tensor& x, const Tensor& updates, Tensor& result) const {
  stretch(x, result);
  const auto add_part = [&](const Part& part) {
    dispatch(x.dtype(), [&](auto type) {
      const auto* from = static_cast<const decltype(type)*>(Access::elements(updates));
      auto* to = static_cast<decltype(type)*>(Access::elements(result));
      for_each(part, [=](std::int64_t whole, std::int64_t place, auto run) {
        for (std::int64_t i = 0; i < run; ++i) to[whole + i] = kernels::wrapped_sum(to[whole + i], from[place + i]);
      });
    });
  };
  // Not by indices: of those to one place, one must wait for the other.
  divide(&Part::inner, size_of(x.dtype()), std::cref(add_part));
}

void write_one_hot(const Tensor& indices, std::int64_t depth, Tensor& result) {
  const Tensor places =
      checked_indices("one_hot", indices, depth, false, [&] { return fmt::format("depth {}", depth); });
  const double work = kernels::work_of(cost_of_element, result.size(), size_of(result.dtype()));
  kernels::parallel_ranges(places.size(), 1, work, [&](std::int64_t begin, std::int64_t end) {
    dispatch(result.dtype(), [&](auto type) {
      using T = decltype(type);
      const std::int64_t* const place = static_cast<const std::int64_t*>(Access::elements(places));
      T* const out = static_cast<T*>(Access::elements(result));
      std::fill(out + begin * depth, out + end * depth, T{0});
      for (std::int64_t row = begin; row < end; ++row) out[row * depth + place[row]] = T{1};
    });
  });
}

}  // namespace wengert::detail
