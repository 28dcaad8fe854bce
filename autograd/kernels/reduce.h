#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>

namespace wengert::kernels {

enum class Reduction : std::uint8_t { sum, prod, max, min };

/// Reduces the middle axis of a row-major [outer, n, inner] array into [outer, inner], both of `dtype` (not boolean).
/// n = 0 gives the neutral element (0 for sum, 1 for prod; max and min need n > 0). Floating sums are blocked (pairwise
/// over blocks), so that the error grows with log n, in an order that depends on the three sizes alone: neither on the
/// machine nor on its instruction set.
/// max and min give NaN where any element is NaN. Integer sums and products wrap modulo 2ⁿ.
void reduce(Reduction reduction, DType dtype, const void* in, void* out, std::int64_t outer, std::int64_t n,
            std::int64_t inner);

/// Position of the largest (`largest`) or smallest element along the middle axis; of equals the first; the first NaN
/// where there is one. n > 0. Any dtype.
void arg_reduce(bool largest, DType dtype, const void* in, std::int64_t* out, std::int64_t outer, std::int64_t n,
                std::int64_t inner);

/// Running sum along the middle axis, from its end where `reverse`; `out` may be `in`. In and out have the same shape
/// and dtype (not boolean). f32 is added up in f64 and rounded as it is written; integers wrap modulo 2ⁿ.
void cumulative_sum(DType dtype, const void* in, void* out, std::int64_t outer, std::int64_t n, std::int64_t inner,
                    bool reverse);

}  // namespace wengert::kernels
