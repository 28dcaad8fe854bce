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

/// The same of `count` columns of n elements, which are `stride` apart: to [count].
void reduce_columns(Reduction reduction, DType dtype, const void* in, void* out, std::int64_t n, std::int64_t count,
                    std::int64_t stride);

/// A reduction in chunks, for who makes the elements bit by bit; `reduce` itself cuts long rows like this. A chunk is
/// 16·2ᵏ rows of [n, inner], reduced by itself. `sums` are those of the chunks, [chunks, inner], and, where it
/// `has_rest`, of the rows behind them, fewer than a chunk. The first row of them becomes what `reduce` gives for all
/// rows; the others are used up.
void combine_chunks(Reduction reduction, DType dtype, void* sums, std::int64_t chunks, std::int64_t inner,
                    bool has_rest);
/// One row of n ≥ row_lanes elements is reduced as [n / row_lanes, row_lanes], what is left for itself: `reduce` of the
/// sums of those columns, followed by that, gives the whole.
constexpr std::size_t row_lanes(std::size_t size_of_element) { return size_of_element == 8 ? 16 : 32; }

}  // namespace wengert::kernels
