#pragma once

#include <cstdint>
#include <span>

#include <wengert/autograd/kernels/dtype.h>

namespace wengert::kernels {

/// A matrix in memory: row-major, `leading` elements from one row to the next; read as its transpose where
/// `transposed` is set (the memory stays as it is).
struct MatrixView {
  const void* data = nullptr;
  std::int64_t leading = 0;
  bool transposed = false;
};

/// From so many rows and columns on, the bits of an element depend neither on the number of the ones nor of the others.
inline constexpr std::int64_t equal_bits_from = 16;

/// C = A · B with A (after transposition) m×k, B k×n, C m×n row-major with `ldc`; C is overwritten, never read, and
/// overlaps neither operand. All of `dtype` (not boolean). k = 0 gives zeros. Nothing is skipped: 0 · NaN is NaN.
/// Integers wrap modulo 2ⁿ. The order of every sum is a function of shape, layout, dtype and instruction set alone: the
/// terms in order, in blocks, and the blocks in order; but with one row, with a result of four vectors or fewer, or
/// with fewer columns than a vector has lanes, terms that are some steps or lanes apart may be added first.
void gemm(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const MatrixView& a, const MatrixView& b,
          void* c, std::int64_t ldc);

/// How many of k terms gemm adds up in one go, from `equal_bits_from` rows and columns on: what each such block gives
/// is a product of its own, rounded before it is added to those of the blocks before.
std::int64_t gemm_block(std::int64_t k);

/// The sum of the products of `count` blocks, so many elements each and one after the other in memory, as gemm adds.
void gemm_join(DType dtype, std::int64_t elements, std::int64_t count, const void* products, void* sum);

/// How many columns of B, whose rows are contiguous and `leading` elements apart, are better a matrix of their own, one
/// such behind the other, for the same bits; 0: none. Such rows are on so many pages that a processor does not keep
/// them at hand, and those of A too few to lay them out each time.
std::int64_t columns_together(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t leading);

/// Whether gemm_sum adds up such products: they are floating, and no sum in them depends on more than their terms.
bool can_sum(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const MatrixView& b);

/// C = before + A₁·B₁ + A₂·B₂ + …, added in this order, each product whole and as gemm gives it. `factors` are A₁, B₁,
/// A₂ and so on, which all lie as A and B, the first two; `before`, where it is not null, lies as C does, without gaps.
void gemm_sum(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const MatrixView& a, const MatrixView& b,
              std::span<const void* const> factors, const void* before, void* c);

}  // namespace wengert::kernels
