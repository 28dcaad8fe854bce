#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>

/// Exponentials along the middle axis of row-major arrays [outer, n, inner] of f32 or f64. Every one is taken of a
/// difference to the largest element along the axis, so that none overflows. The results along the axis are NaN where
/// an element is inf or NaN, or all of them are −inf.

namespace wengert::kernels {

/// Elements of rows worked on together, within the first-level cache. (With 1024 of f32, arrays of 4 KiB, reads of one
/// would wait for writes of another.)
inline constexpr std::int64_t elements_together = 2048;

/// y = eˣ / Σ eˣ, of x's shape.
void softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner);

/// y = x − ln Σ eˣ, of x's shape, to full relative accuracy also where the probability is close to 1.
void log_softmax(DType dtype, const void* x, void* y, std::int64_t outer, std::int64_t n, std::int64_t inner);

/// ln Σ eˣ as two terms of shape [outer, inner], for whoever subtracts something near the first from it: the largest
/// element m, and ln Σ eˣ⁻ᵐ ≥ 0. For n = 0 they are −inf and NaN.
void log_sum_exp(DType dtype, const void* x, void* largest, void* rest, std::int64_t outer, std::int64_t n,
                 std::int64_t inner);

}  // namespace wengert::kernels
