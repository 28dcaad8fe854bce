#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
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

/// In multiply-adds (kernels/threads.h): what is anywhere in memory.
constexpr double cost_of_element = 40;

}  // namespace

void require_indices(const char* operation, const Tensor& indices) {
  if (!is_floating(indices.dtype()) && indices.dtype() != DType::boolean) return;
  throw DTypeError(fmt::format("{}: the indices are {}; expected integers; cast them: cast(x, DType::i64)", operation,
                               name_of(indices.dtype())));
}

bool Indices::find(std::int64_t first, std::int64_t count, Places& places) const {
  const std::int64_t n = n_, added_below_0 = from_end_ ? n : 0;
  bool all_inside = true;
  dispatch(indices_.dtype(), [&](auto type) {
    const auto* const given = static_cast<const decltype(type)*>(Access::elements(indices_)) + first;
    std::int64_t* const place = places.data();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<std::int64_t>(given[i]);
      place[i] = index + (index < 0 ? added_below_0 : 0);
      all_inside &= static_cast<std::uint64_t>(place[i]) < static_cast<std::uint64_t>(n);
    }
  });
  return all_inside;
}

void Indices::check(const char* operation, const std::string& of) const {
  const std::int64_t least = from_end_ ? -n_ : 0;
  for (std::int64_t i = 0; i < indices_.size(); ++i) {
    const std::int64_t index = dispatch(indices_.dtype(), [&](auto type) {
      return static_cast<std::int64_t>(static_cast<const decltype(type)*>(Access::elements(indices_))[i]);
    });
    if (least <= index && index < n_) continue;
    throw ValueError(n_ == 0 ? fmt::format("{}: index {} is out of range: {} has no elements", operation, index, of)
                             : fmt::format("{}: index {} is out of range; expected {} … {} for {}", operation, index,
                                           least, n_ - 1, of));
  }
}

AxisIndices::AxisIndices(const char* operation, const Shape& shape, std::size_t axis, const Tensor& indices, Kind kind)
    : operation_(operation),
      shape_(shape),
      axis_(axis),
      run_(shape, axis),
      count_(kind == per_slice ? indices.size() : indices.shape()[axis]),
      kind_(kind),
      indices_(indices, run_.n, true) {}

template <typename F>
bool AxisIndices::for_each(const Part& part, F f) const {
  using One = std::integral_constant<std::int64_t, 1>;
  const std::int64_t inner = run_.inner;
  Indices::Places places;
  // f(which of them, its place) for the indices from one on.
  const auto for_indices = [&](std::int64_t from, std::int64_t begin, std::int64_t end, const auto& g) {
    for (std::int64_t first = begin; first < end; first += Indices::most) {
      const std::int64_t count = std::min(end - first, Indices::most);
      if (!indices_.find(from + first, count, places)) return false;
      for (std::int64_t i = 0; i < count; ++i) g(first + i, places[static_cast<std::size_t>(i)]);
    }
    return true;
  };
  for (std::int64_t o = part.outer.begin; o < part.outer.end; ++o) {
    const std::int64_t array = o * run_.n, result = o * count_;
    if (kind_ == per_slice || inner == 1) {
      const std::int64_t length = part.inner.end - part.inner.begin;
      const auto at_index = [&](std::int64_t j, std::int64_t place) {
        const std::int64_t from = array + place, to = result + j;
        inner == 1 ? f(from, to, One()) : f(from * inner + part.inner.begin, to * inner + part.inner.begin, length);
      };
      const std::int64_t own = kind_ == per_slice ? 0 : result;
      if (!for_indices(own, part.indices.begin, part.indices.end, at_index)) return false;
      continue;
    }
    for (std::int64_t j = part.indices.begin; j < part.indices.end; ++j) {
      const std::int64_t row = (result + j) * inner;
      const auto at_index = [&](std::int64_t i, std::int64_t place) { f((array + place) * inner + i, row + i, One()); };
      if (!for_indices(row, part.inner.begin, part.inner.end, at_index)) return false;
    }
  }
  return true;
}

void AxisIndices::divide(Interval Part::*axis, std::size_t bytes, const std::function<bool(const Part&)>& f) const {
  const Part whole = {{0, run_.outer}, {0, count_}, {0, run_.inner}};
  const double work = kernels::work_of(cost_of_element, run_.outer * count_ * run_.inner, bytes);
  std::atomic<bool> all_inside = run_.outer * run_.inner > 0;  // where there is nothing to do nobody looks at them
  kernels::for_each_part(run_.outer, (whole.*axis).end, 1, 1, work, [&](const kernels::Part& own) {
    Part part = whole;
    part.outer = {own.outer_begin, own.outer_end};
    part.*axis = {own.inner_begin, own.inner_end};
    if (!f(part)) all_inside = false;
  });
  if (!all_inside) indices_.check(operation_, fmt::format("axis {} of {}", axis_, to_string(shape_)));
}

void AxisIndices::read(const Tensor& x, Tensor& result) const {
  const auto* const from = static_cast<const std::byte*>(Access::elements(x));
  auto* const to = static_cast<std::byte*>(Access::elements(result));
  const auto read_part = [&](const Part& part) {
    const auto copy = [&](auto bytes) {
      return for_each(part, [=](std::int64_t whole, std::int64_t place, auto run) {
        std::memcpy(to + place * bytes, from + whole * bytes, static_cast<std::size_t>(run * bytes));
      });
    };
    switch (size_of(x.dtype())) {
      case 1: return copy(std::integral_constant<std::int64_t, 1>());
      case 4: return copy(std::integral_constant<std::int64_t, 4>());
      default: return copy(std::integral_constant<std::int64_t, 8>());
    }
  };
  divide(&Part::indices, size_of(x.dtype()), std::cref(read_part));
}

void AxisIndices::add(const Tensor& x, const Tensor& updates, Tensor& result) const {
  stretch(x, result);
  const auto add_part = [&](const Part& part) {
    return dispatch(x.dtype(), [&](auto type) {
      const auto* from = static_cast<const decltype(type)*>(Access::elements(updates));
      auto* to = static_cast<decltype(type)*>(Access::elements(result));
      return for_each(part, [=](std::int64_t whole, std::int64_t place, auto run) {
        for (std::int64_t i = 0; i < run; ++i) to[whole + i] = kernels::wrapped_sum(to[whole + i], from[place + i]);
      });
    });
  };
  // Not by indices: of those to one place, one must wait for the other.
  divide(&Part::inner, size_of(x.dtype()), std::cref(add_part));
}

void write_one_hot(const Tensor& indices, std::int64_t depth, Tensor& result) {
  const Indices places(indices, depth, false);
  std::atomic<bool> all_inside = true;
  const double work = kernels::work_of(cost_of_element, result.size(), size_of(result.dtype()));
  kernels::parallel_ranges(indices.size(), 1, work, [&](std::int64_t begin, std::int64_t end) {
    dispatch(result.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const out = static_cast<T*>(Access::elements(result));
      Indices::Places some;
      for (std::int64_t first = begin; first < end; first += Indices::most) {
        const std::int64_t count = std::min(end - first, Indices::most);
        std::fill_n(out + first * depth, count * depth, T{0});
        if (!places.find(first, count, some)) {
          all_inside = false;
          return;
        }
        for (std::int64_t i = 0; i < count; ++i) out[(first + i) * depth + some[static_cast<std::size_t>(i)]] = T{1};
      }
    });
  });
  if (!all_inside) places.check("one_hot", fmt::format("depth {}", depth));
}

}  // namespace wengert::detail
