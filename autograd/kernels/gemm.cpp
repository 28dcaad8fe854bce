#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <wengert/autograd/kernels/gemm.h>

namespace wengert::kernels {
namespace {

// One element times another; integers wrap modulo 2ⁿ.
template <typename T>
T multiply_add(T a, T b, T c) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b) +
                          static_cast<std::uint64_t>(c));
  } else {
    return a * b + c;
  }
}

template <typename T>
void plain_gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView a, MatrixView b, T* c, std::int64_t ldc) {
  const auto* a_data = static_cast<const T*>(a.data);
  const auto* b_data = static_cast<const T*>(b.data);
  const std::int64_t a_row = a.transposed ? 1 : a.leading;
  const std::int64_t a_column = a.transposed ? a.leading : 1;
  const std::int64_t b_row = b.transposed ? 1 : b.leading;
  const std::int64_t b_column = b.transposed ? b.leading : 1;
  for (std::int64_t i = 0; i < m; ++i) {
    T* row = c + i * ldc;
    std::fill_n(row, n, T{0});
    for (std::int64_t p = 0; p < k; ++p) {
      const T factor = a_data[i * a_row + p * a_column];
      for (std::int64_t j = 0; j < n; ++j) row[j] = multiply_add(factor, b_data[p * b_row + j * b_column], row[j]);
    }
  }
}

}  // namespace

void gemm(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, MatrixView a, MatrixView b, void* c,
          std::int64_t ldc) {
  dispatch(dtype, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (!std::is_same_v<T, bool>) plain_gemm(m, n, k, a, b, static_cast<T*>(c), ldc);
  });
}

}  // namespace wengert::kernels
