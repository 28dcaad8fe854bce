#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "instruction_sets.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/softmax_rows.h>

namespace wengert::kernels {
namespace {

/// Multiples of 1/8 between −2 and 2, many of them equal.
template <typename T>
std::vector<T> some_numbers(std::int64_t count, int seed) {
  std::vector<T> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<T>(static_cast<int>((i * i + 7 * i + static_cast<std::size_t>(seed)) % 33) - 16) / 8;
  return numbers;
}

template <typename T>
class SoftmaxRows : public testing::Test {
 protected:
  /// What `map` should make of y, element by element in the order of memory.
  static std::vector<T> expected(MapRows RowMaps::*map, const RowExtents& e, const std::vector<T>& x, std::vector<T> y,
                                 const std::vector<T>& a, const std::vector<T>& b) {
    for (std::int64_t row = 0; row < e.outer * e.inner; ++row) {
      const std::int64_t o = row / e.inner, i = row % e.inner;
      const T first = a[static_cast<std::size_t>(row)], second = b[static_cast<std::size_t>(row)];
      bool is_found = !std::isfinite(first);
      for (std::int64_t j = 0; j < e.n; ++j) {
        const T from = x[static_cast<std::size_t>((o * e.n + j) * e.x_stride + i)];
        T& to = y[static_cast<std::size_t>((o * e.n + j) * e.y_stride + i)];
        if (map == &RowMaps::subtract) to = from - first;
        if (map == &RowMaps::subtract_both) to = from - first - second;
        if (map == &RowMaps::divide) to = from / first;
        if (map == &RowMaps::clear_first && !is_found && from == first) {
          to = 0;
          is_found = true;
        }
      }
    }
    return y;
  }

  static void check(const RowExtents& e) {
    const std::int64_t rows = e.outer * e.inner;
    const std::vector<T> x = some_numbers<T>(e.outer * e.n * e.x_stride, 1);
    const std::vector<T> untouched = some_numbers<T>(e.outer * e.n * e.y_stride, 2);
    std::vector<T> a(static_cast<std::size_t>(rows)), b = some_numbers<T>(rows, 3);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t somewhere = (row * 5) % e.n;
      const std::int64_t at = (row / e.inner * e.n + somewhere) * e.x_stride + row % e.inner;
      a[static_cast<std::size_t>(row)] = x[static_cast<std::size_t>(at)];
    }
    if (rows > 2) a[1] = std::numeric_limits<T>::infinity();
    for (MapRows RowMaps::*const map :
         {&RowMaps::subtract, &RowMaps::subtract_both, &RowMaps::divide, &RowMaps::clear_first}) {
      SCOPED_TRACE(map == &RowMaps::subtract        ? "subtract"
                   : map == &RowMaps::subtract_both ? "subtract_both"
                   : map == &RowMaps::divide        ? "divide"
                                                    : "clear_first");
      std::vector<T> y = untouched;
      (find_row_maps(dtype_of<T>).*map)(e, x.data(), y.data(), a.data(), b.data());
      const std::vector<T> right = expected(map, e, x, untouched, a, b);
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool same = y[i] == right[i] || (std::isnan(y[i]) && std::isnan(right[i]));
        ASSERT_TRUE(same) << "element " << i << ": " << y[i] << ", expected " << right[i];
      }
    }
  }
};
using Floating = testing::Types<float, double>;
TYPED_TEST_SUITE(SoftmaxRows, Floating);

TYPED_TEST(SoftmaxRows, AreWhatPlainLoopsGiveWithEveryInstructionSet) {
  for_each_instruction_set([] {
    for (const std::int64_t n : {1, 3, 10, 16, 17, 33, 100}) {
      for (const std::int64_t outer : {1, 2, 9}) TestFixture::check({outer, n, 1, 1, 1});
      TestFixture::check({2, n, 19, 19, 19});
    }
  });
}

TYPED_TEST(SoftmaxRows, LeaveOtherColumnsOfAMatrixAlone) {
  for_each_instruction_set([] {
    TestFixture::check({1, 6, 5, 40, 5});
    TestFixture::check({1, 6, 5, 5, 40});
    TestFixture::check({1, 6, 1, 40, 1});
    TestFixture::check({1, 6, 1, 1, 40});
    TestFixture::check({1, 6, 20, 40, 40});
  });
}

}  // namespace
}  // namespace wengert::kernels
