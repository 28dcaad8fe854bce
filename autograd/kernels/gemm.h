#pragma once

#include <cstdint>

#include <wengert/autograd/kernels/dtype.h>

namespace wengert::kernels {

/// A matrix in memory: row-major, `leading` elements from one row to the next; read as its transpose where
/// `transposed` is set (the memory stays as it is).
struct MatrixView {
  const void* data = nullptr;
  std::int64_t leading = 0;
  bool transposed = false;
};

/// C = A · B with A (after transposition) m×k, B k×n, C m×n row-major with `ldc`; C is overwritten, never read.
/// All of `dtype`. k = 0 gives zeros. The order of every sum is a function of shape, dtype and instruction set alone.
void gemm(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, MatrixView a, MatrixView b, void* c,
          std::int64_t ldc);

}  // namespace wengert::kernels
