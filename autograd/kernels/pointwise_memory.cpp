#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

template <typename To, typename From>
To truncate_saturating(From value) {
  constexpr From low = static_cast<From>(std::numeric_limits<To>::min());
  // 2ⁿ, one more than the largest number, which need not be representable.
  constexpr To half = std::numeric_limits<To>::max() / 2 + 1;
  constexpr From beyond = static_cast<From>(half) * 2;
  // Without branches, so that loops become vectors; what would overflow is not converted.
  const bool is_inside = (value >= low) & (value < beyond);
  const To truncated = static_cast<To>(is_inside ? value : From{0});
  const To saturated = value < low ? std::numeric_limits<To>::min() : truncated;
  return value >= beyond ? std::numeric_limits<To>::max() : saturated;
}

// To bool as "not zero", to floating rounded to nearest, from floating to integer by truncation, saturating, NaN as 0,
// between integers modulo 2ⁿ.
template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return truncate_saturating<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

// By whole blocks, for which the compiler needs no loop. One for what is of any type before it is converted.
template <typename T>
[[gnu::noinline]] void fill(T* to, std::size_t count, T value) {
  constexpr std::size_t block = block_elements<T>;
  for (; count >= block; to += block, count -= block) std::fill_n(to, block, value);
  std::fill_n(to, count, value);
}

template <typename From, typename To>
void copy_run(const From* from, std::int64_t stride, std::size_t count, To* to) {
  if (stride == 0) {
    fill(to, count, convert<To>(*from));
  } else if (stride == 1) {
    if constexpr (std::is_same_v<From, To>) {
      std::memcpy(to, from, count * sizeof(To));
    } else {
      for (std::size_t i = 0; i < count; ++i) to[i] = convert<To>(from[i]);
    }
  } else {
    for (std::size_t i = 0; i < count; ++i, from += stride) to[i] = convert<To>(*from);
  }
}

// Continues an array whose first `period` bytes are there by copying, twice as many each time.
void repeat(std::byte* out, std::size_t period, std::size_t count) {
  for (std::size_t filled = period; filled < count;) {
    const std::size_t step = std::min(filled, count - filled);
    std::memcpy(out + filled, out, step);
    filled += step;
  }
}

}  // namespace

CopyRun find_copy_run(DType from_dtype, DType to_dtype) {
  CopyRun found = nullptr;
  dispatch_stored(from_dtype, [&]<typename From>(From) {
    dispatch(to_dtype, [&]<typename To>(To) {
      found = [](const void* from, std::int64_t stride, std::size_t count, void* to) {
        copy_run(static_cast<const From*>(from), stride, count, static_cast<To*>(to));
      };
    });
  });
  return found;
}

InputReader::InputReader(const PointwiseInput& input, std::span<const std::int64_t> shape, DType compute)
    : data_(input.data), dtype_(input.dtype), compute_(compute) {
  if (input.window != nullptr) {
    const double outside = input.window->outside;
    outside_ = dtype_ == DType::f32 ? static_cast<float>(outside) : outside;
  }
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const std::int64_t low = input.window != nullptr ? input.window->low[axis] : 0;
    const std::int64_t high = input.window != nullptr ? input.window->high[axis] : shape[axis];
    if (shape[axis] != 1) add_axis({shape[axis], input.strides[axis], low, high});
  }
  std::int64_t inner = rank_ > 0 ? axes_[0].size : 0;
  for (std::size_t axis = 1; axis < static_cast<std::size_t>(rank_) && period_ == 0; inner *= axes_[axis++].size) {
    if (axes_[axis].stride != 0) continue;
    period_ = inner;
    repeated_ = inner * axes_[axis].size;
  }
}

void InputReader::add_axis(Axis axis) {
  has_window_ = has_window_ || !axis.is_whole();
  origin_ -= axis.low * axis.stride;
  Axis* const last = rank_ == 0 ? nullptr : &axes_[static_cast<std::size_t>(rank_ - 1)];
  if (last != nullptr && last->is_whole() && axis.stride == last->stride * last->size) {
    *last = {last->size * axis.size, last->stride, last->size * axis.low, last->size * axis.high};
  } else {
    axes_[static_cast<std::size_t>(rank_++)] = axis;
  }
}

bool InputReader::repeats(std::int64_t earlier, std::int64_t first, std::size_t count) const {
  return period_ > 0 && earlier <= first && (first - earlier) % period_ == 0 &&
         earlier / repeated_ == (first + static_cast<std::int64_t>(count) - 1) / repeated_;
}

const std::byte* InputReader::place(std::int64_t first, std::size_t count) const {
  if (rank_ == 1) return at(first);
  // Divisions are what this takes: none for what is left at last.
  std::int64_t rest = first / axes_[0].size;
  const std::int64_t begin = first - rest * axes_[0].size;
  if (begin + static_cast<std::int64_t>(count) > axes_[0].size) return nullptr;
  std::int64_t offset = origin_ + begin * axes_[0].stride;
  const auto last = static_cast<std::size_t>(rank_ - 1);
  for (std::size_t axis = 1; axis < last; ++axis) {
    const std::int64_t index = rest % axes_[axis].size;
    if (!axes_[axis].has(index)) return nullptr;
    offset += index * axes_[axis].stride;
    rest /= axes_[axis].size;
  }
  return axes_[last].has(rest) ? at(offset + rest * axes_[last].stride) : nullptr;
}

InputReader::Interval InputReader::interval_from(const std::int64_t* index, std::int64_t count) const {
  if (!has_window_) return {0, count};
  for (std::size_t axis = 1; axis < static_cast<std::size_t>(rank_); ++axis) {
    if (!axes_[axis].has(index[axis])) return {count, count};
  }
  const std::int64_t begin = std::clamp<std::int64_t>(axes_[0].low - index[0], 0, count);
  return {begin, std::clamp<std::int64_t>(axes_[0].high - index[0], begin, count)};
}

void InputReader::gather(std::int64_t first, std::size_t count, std::byte* out) const {
  const CopyRun copy = find_copy_run(dtype_, compute_);
  if (rank_ == 0) return copy(data_, 0, count, out);
  const auto size_out = static_cast<std::int64_t>(size_of(compute_));
  const std::int64_t stride = axes_[0].stride;
  const auto fill_outside = [this](std::byte* to, std::int64_t elements) {
    if (elements > 0) find_copy_run(DType::f64, compute_)(&outside_, 0, static_cast<std::size_t>(elements), to);
  };
  const auto rank = static_cast<std::size_t>(rank_);
  std::array<std::int64_t, 8> index;
  std::int64_t offset = origin_;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    index[axis] = first % axes_[axis].size;
    first /= axes_[axis].size;
    offset += index[axis] * axes_[axis].stride;
  }
  while (true) {
    const std::int64_t run = std::min(static_cast<std::int64_t>(count), axes_[0].size - index[0]);
    const Interval there = interval_from(index.data(), run);
    fill_outside(out, there.begin);
    if (there.begin < there.end) {
      copy(at(offset + there.begin * stride), stride, static_cast<std::size_t>(there.end - there.begin),
           out + there.begin * size_out);
    }
    fill_outside(out + there.end * size_out, run - there.end);
    count -= static_cast<std::size_t>(run);
    if (count == 0) return;
    out += run * size_out;
    offset -= index[0] * stride;
    index[0] = 0;
    for (std::size_t axis = 1; axis < rank; ++axis) {
      offset += axes_[axis].stride;
      if (++index[axis] < axes_[axis].size) break;
      offset -= axes_[axis].size * axes_[axis].stride;
      index[axis] = 0;
    }
  }
}

void InputReader::read(std::int64_t first, std::size_t count, void* out) const {
  const auto period = static_cast<std::size_t>(period_);
  const bool is_periodic = period < count && repeats(first, first + period_, count - period);
  const std::size_t distinct = is_periodic ? period : count;
  const std::size_t size = size_of(compute_), bytes = count * size;
  auto* const to = static_cast<std::byte*>(out);
  gather(first, distinct, to);
  repeat(to, distinct * size, bytes);
  std::memset(to + bytes, 0, whole_blocks(bytes) - bytes);
}

void convert_elements(const void* from, DType from_dtype, void* to, DType to_dtype, std::int64_t count) {
  if (count == 0) return;      // there may be no memory
  constexpr double cost = 40;  // in multiply-adds (threads.h)
  const CopyRun copy = find_copy_run(from_dtype, to_dtype);
  const std::size_t from_size = size_of(from_dtype), to_size = size_of(to_dtype);
  parallel_ranges(count, 16, work_of(cost, count, to_size), [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin);
    copy(static_cast<const std::byte*>(from) + first * from_size, 1, static_cast<std::size_t>(end - begin),
         static_cast<std::byte*>(to) + first * to_size);
  });
}

}  // namespace wengert::kernels
