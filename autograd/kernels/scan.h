#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>

/// What is found in order along the middle axis of row-major arrays [outer, n, inner].

namespace wengert::kernels {

/// Position of the largest (`largest`) or smallest element along the middle axis; of equals the first; the first NaN
/// where there is one. n > 0. Any dtype.
void arg_reduce(bool largest, DType dtype, const void* in, std::int64_t* out, std::int64_t outer, std::int64_t n,
                std::int64_t inner);

/// Running sum along the middle axis, from its end where `reverse`; `out` may be `in`. In and out have the same shape
/// and dtype (not boolean). f32 is added up in f64 and rounded as it is written; integers wrap modulo 2ⁿ.
void cumulative_sum(DType dtype, const void* in, void* out, std::int64_t outer, std::int64_t n, std::int64_t inner,
                    bool reverse);

}  // namespace wengert::kernels
