#include <algorithm>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/indexing.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/operation.h>

namespace wengert::detail {
namespace {

/// The indices as i64, each found to be one of `n`; those below 0 count from the end where that is allowed. `of` says
/// in a message what n is.
template <typename Describe>
Tensor checked_indices(const char* operation, const Tensor& indices, std::int64_t n, bool from_end, Describe of) {
  Tensor result = empty(indices.shape(), DType::i64);
  std::int64_t* out = writable<std::int64_t>(result).data();
  dispatch(indices.dtype(), [&](auto type) {
    for (const auto given : indices.data<decltype(type)>()) {
      const auto index = static_cast<std::int64_t>(given);
      const std::int64_t place = from_end && index < 0 ? index + n : index;
      if (place < 0 || place >= n) {
        throw ValueError(n == 0
                             ? fmt::format("{}: index {} is out of range: {} has no elements", operation, index, of())
                             : fmt::format("{}: index {} is out of range; expected {} … {} for {}", operation, index,
                                           from_end ? -n : 0, n - 1, of()));
      }
      *out++ = place;
    }
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
void AxisIndices::for_each(F f) const {
  const std::int64_t* index = indices_.data<std::int64_t>().data();
  const std::int64_t run = kind_ == per_slice ? run_.inner : 1;
  for (std::int64_t o = 0; o < run_.outer; ++o) {
    for (std::int64_t j = 0; j < count_; ++j) {
      for (std::int64_t i = 0; i < run_.inner; i += std::max<std::int64_t>(run, 1)) {
        const std::int64_t part = (o * count_ + j) * run_.inner + i;
        f((o * run_.n + index[kind_ == per_slice ? j : part]) * run_.inner + i, part, run);
      }
    }
  }
}

void AxisIndices::read(const Tensor& x, Tensor& result) const {
  dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = static_cast<const T*>(Access::elements(x));
    T* to = static_cast<T*>(Access::elements(result));
    for_each(
        [&](std::int64_t whole, std::int64_t part, std::int64_t run) { std::copy_n(from + whole, run, to + part); });
  });
}

void AxisIndices::add(const Tensor& x, const Tensor& updates, Tensor& result) const {
  dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = static_cast<const T*>(Access::elements(updates));
    T* to = static_cast<T*>(Access::elements(result));
    std::copy_n(static_cast<const T*>(Access::elements(x)), x.size(), to);
    for_each([&](std::int64_t whole, std::int64_t part, std::int64_t run) {
      for (std::int64_t i = 0; i < run; ++i) to[whole + i] = wrapped_sum(to[whole + i], from[part + i]);
    });
  });
}

void write_one_hot(const Tensor& indices, std::int64_t depth, Tensor& result) {
  const Tensor places =
      checked_indices("one_hot", indices, depth, false, [&] { return fmt::format("depth {}", depth); });
  dispatch(result.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::span<T> out = writable<T>(result);
    std::fill(out.begin(), out.end(), T{0});
    std::int64_t row = 0;
    for (const std::int64_t place : places.data<std::int64_t>())
      out[static_cast<std::size_t>(row++ * depth + place)] = T{1};
  });
}

}  // namespace wengert::detail
