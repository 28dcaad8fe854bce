#pragma once

#include <cstdint>
#include <type_traits>

#include <wengert/autograd/kernels/threads.h>

/// What the kernels along an axis of row-major arrays [outer, n, inner] share.

namespace wengert::kernels {

/// Integers are added and multiplied as unsigned numbers, which wrap; those of a byte by way of u32.
template <typename T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, T,
                                std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>>;

template <typename T>
T wrapped_sum(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(a) + static_cast<Wide<T>>(b));
}

/// What a thread takes of the result, [outer, inner].
struct Part {
  std::int64_t outer_begin, outer_end, inner_begin, inner_end;
};

/// Calls f with parts of [outer, inner]: of the first axis or, where it is short, of the second, in such steps.
template <typename F>
void for_each_part(std::int64_t outer, std::int64_t inner, std::int64_t outer_step, std::int64_t inner_step,
                   double work, const F& f) {
  if (inner == 1 || outer >= threads()) {
    parallel_ranges(outer, outer_step, work, [&](std::int64_t begin, std::int64_t end) {
      f(Part{begin, end, 0, inner});
    });
    return;
  }
  for (std::int64_t o = 0; o < outer; ++o) {
    parallel_ranges(inner, inner_step, work / static_cast<double>(outer), [&](std::int64_t begin, std::int64_t end) {
      f(Part{o, o + 1, begin, end});
    });
  }
}

}  // namespace wengert::kernels
