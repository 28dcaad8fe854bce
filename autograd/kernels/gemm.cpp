#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/threads.h>

// The floating product is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/gemm.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_kernel-inl.h>
#include <wengert/autograd/kernels/gemm_pack-inl.h>
#include <wengert/autograd/kernels/gemm_rows-inl.h>

#ifndef WENGERT_AUTOGRAD_KERNELS_GEMM_COMMON_
#define WENGERT_AUTOGRAD_KERNELS_GEMM_COMMON_
namespace wengert::kernels {
namespace {

// An operand with its transposition resolved: element (i, j) is at data[i · row + j · column].
template <typename T>
struct Operand {
  const T* data;
  std::size_t row;
  std::size_t column;
};

template <typename T>
Operand<T> operand(const MatrixView& view) {
  const auto leading = static_cast<std::size_t>(view.leading);
  const auto* data = static_cast<const T*>(view.data);
  return view.transposed ? Operand<T>{data, 1, leading} : Operand<T>{data, leading, 1};
}

template <typename T>
Operand<T> transpose(const Operand<T>& x) {
  return {x.data, x.column, x.row};
}

template <typename T>
struct Problem {
  std::size_t m, n, k;
  Operand<T> a, b;
  T* c;
  std::size_t ldc;
};

}  // namespace
}  // namespace wengert::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {

// Terms of the sum that are added in one go: a panel of B, two vectors wide, then stays in the first-level cache.
constexpr std::size_t block_k = 256;
// Rows of A packed at a time, for the second-level cache, and columns of B, for the third.
constexpr std::size_t block_m = 144;
constexpr std::size_t block_n = 2048;
constexpr std::size_t page_bytes = 4096;
// Bytes of a B that does not stay in a cache.
constexpr std::size_t big_b = std::size_t{4} << 20;

struct Range {
  std::size_t begin;
  std::size_t size;
  constexpr std::size_t end() const { return begin + size; }
};

constexpr std::size_t quotient_up(std::size_t x, std::size_t step) { return (x + step - 1) / step; }
constexpr std::size_t round_up(std::size_t x, std::size_t step) { return quotient_up(x, step) * step; }

// The part of `whole` that starts at `begin`, of `size` or what is left.
constexpr Range part(Range whole, std::size_t begin, std::size_t size) {
  return {begin, std::min(size, whole.end() - begin)};
}

// The next rows from `begin` that make a tile: the last two tiles as even as can be in steps of a third of max_rows, so
// that no thin tile remains, in which few sums would wait for each other.
inline Range next_strip(Range rows, std::size_t begin) {
  const std::size_t left = rows.end() - begin;
  const bool are_last_two = left > max_rows && left <= 2 * max_rows;
  return part(rows, begin, are_last_two ? round_up(quotient_up(left, 2), max_rows / 3) : max_rows);
}

// C = A · B in blocks: a block of B's rows is packed, then blocks of A, and their tiles multiplied. An operand that is
// read only a few times, or lies as packing would lay it, is read where it is.
template <typename T>
class BlockedProduct {
 public:
  explicit BlockedProduct(const Problem<T>& problem)
      : problem_(problem),
        terms_(problem.k <= block_k ? problem.k : round_up(quotient_up(problem.k, quotient_up(problem.k, block_k)), 8)),
        packs_a_(problem.k >= 32 && problem.n >= (problem.a.row == 1 ? 32 : 3) * panel_width),
        packs_b_(problem.b.column != 1 || problem.m > 2 * block_m),
        packed_a_(packs_a_ ? terms_ * std::min(problem.m, block_m) : 0),
        packed_b_(is_direct({0, problem.n}) ? 0 : terms_ * round_up(std::min(problem.n, block_n), vector_length<T>)) {}

  void run() const {
    for (std::size_t j = 0; j < problem_.n; j += block_n) {
      const Range columns = part({0, problem_.n}, j, block_n);
      for (std::size_t p = 0; p < problem_.k; p += terms_) {
        const Range terms = part({0, problem_.k}, p, terms_);
        pack_b(columns, terms);
        for (std::size_t i = 0; i < problem_.m; i += block_m) {
          const Range rows = part({0, problem_.m}, i, block_m);
          if (packs_a_) pack_a(rows, terms);
          multiply(rows, columns, terms);
        }
      }
    }
  }

 private:
  static constexpr std::size_t panel_width = max_vectors * vector_length<T>;

  // Whole vectors of contiguous columns may be read where they are.
  bool is_direct(Range columns) const {
    return !packs_b_ && (has_masked_access || columns.size % vector_length<T> == 0);
  }

  const T* a_at(std::size_t i, std::size_t p) const {
    return problem_.a.data + i * problem_.a.row + p * problem_.a.column;
  }
  const T* b_at(std::size_t p, std::size_t j) const {
    return problem_.b.data + p * problem_.b.row + j * problem_.b.column;
  }

  void pack_b(Range columns, Range terms) const {
    for (std::size_t j = columns.begin; j < columns.end(); j += panel_width) {
      const Range panel = part(columns, j, panel_width);
      if (is_direct(panel)) continue;
      const std::size_t width = round_up(panel.size, vector_length<T>);
      pack(b_at(terms.begin, j), transpose(problem_.b), panel.size, terms.size, width,
           packed_b_.at((j - columns.begin) * terms.size));
    }
  }

  void pack_a(Range rows, Range terms) const {
    for (Range strip = next_strip(rows, rows.begin); strip.size > 0; strip = next_strip(rows, strip.end())) {
      pack(a_at(strip.begin, terms.begin), problem_.a, strip.size, terms.size, strip.size,
           packed_a_.at((strip.begin - rows.begin) * terms.size));
    }
  }

  // Packs `count` rows of A (columns of B, transposed) side by side, term after term.
  static void pack(const T* from, const Operand<T>& layout, std::size_t count, std::size_t terms, std::size_t width,
                   T* to) {
    if (layout.row == 1) {
      pack_rows(from, layout.column, count, terms, width, to);
    } else {
      pack_transposed(from, layout.row, count, terms, width, to);
    }
  }

  // The product over `terms`, written to C at rows × columns, or added to what earlier terms left there.
  void multiply(Range rows, Range columns, Range terms) const {
    // Where each row of B is on another page, which no processor foresees. Elsewhere asking ahead would only take lines
    // from the caches of other threads that write them: what is behind the columns of this part is theirs.
    const bool has_far_rows = problem_.b.row * sizeof(T) >= page_bytes;
    for (std::size_t j = columns.begin; j < columns.end(); j += panel_width) {
      const Range panel = part(columns, j, panel_width);
      const std::size_t width = round_up(panel.size, vector_length<T>);
      Tile<T> tile = {.k = terms.size,
                      .a = nullptr,
                      .a_row = problem_.a.row,
                      .a_column = problem_.a.column,
                      .b = b_at(terms.begin, j),
                      .b_row = problem_.b.row,
                      .b_last = panel.size + vector_length<T> - width,
                      .c = nullptr,
                      .c_row = problem_.ldc,
                      .c_last = panel.size + vector_length<T> - width,
                      .accumulate = terms.begin > 0,
                      .b_ahead = has_far_rows && panel.end() < columns.end() ? panel_width : 0};
      if (!is_direct(panel)) {
        tile.b = packed_b_.at((j - columns.begin) * terms.size);
        tile.b_row = width;
        tile.b_last = vector_length<T>;
      }
      for (Range strip = next_strip(rows, rows.begin); strip.size > 0; strip = next_strip(rows, strip.end())) {
        tile.a = packs_a_ ? packed_a_.at((strip.begin - rows.begin) * terms.size) : a_at(strip.begin, terms.begin);
        if (packs_a_) {
          tile.a_row = 1;
          tile.a_column = strip.size;
        }
        tile.c = problem_.c + strip.begin * problem_.ldc + j;
        tile_function<T>(strip.size, width / vector_length<T>,
                         tile.b_last == vector_length<T> && tile.c_last == vector_length<T>)(tile);
      }
    }
  }

  const Problem<T>& problem_;
  std::size_t terms_;
  bool packs_a_;
  bool packs_b_;
  PoolArray<T> packed_a_;
  PoolArray<T> packed_b_;
};

// Multiply-adds that are not worth a thread in any case.
constexpr std::size_t small = std::size_t{1} << 16;

// Calls f with parts of C, as many as are worth a thread: rows of whole strips, or columns of whole panels, whichever C
// has more of. Every element is summed up in the same order whatever part it is in.
template <typename T, typename F>
void for_each_part(const Problem<T>& problem, const F& f) {
  if (problem.m * problem.n * problem.k < small) return f(problem);
  const double work = work_of<T>(static_cast<double>(problem.k), static_cast<std::int64_t>(problem.m * problem.n));
  const bool by_rows = problem.m > problem.n;
  const std::size_t step = by_rows ? 4 * max_rows : thin_vectors * vector_length<T>;
  parallel_ranges(static_cast<std::int64_t>(by_rows ? problem.m : problem.n), static_cast<std::int64_t>(step), work,
                  [&](std::int64_t begin, std::int64_t end) {
                    const auto first = static_cast<std::size_t>(begin);
                    Problem<T> part = problem;
                    (by_rows ? part.m : part.n) = static_cast<std::size_t>(end - begin);
                    if (by_rows) {
                      part.a.data += first * part.a.row;
                      part.c += first * part.ldc;
                    } else {
                      part.b.data += first * part.b.column;
                      part.c += first;
                    }
                    f(part);
                  });
}

// The scalar products of the first `x` rows with `y`, some at a time.
template <typename T>
void multiply_rows(Dots<T> dots, std::size_t x, std::size_t y) {
  const T* const first_y = dots.y;
  T* const first_c = dots.c;
  for (std::size_t i = 0, count_x = 0; i < x; i += count_x) {
    count_x = x - i >= rows_together ? rows_together : 1;
    dots.y = first_y;
    dots.c = first_c + i * dots.c_x;
    for (std::size_t j = 0, count_y = 0; j < y; j += count_y) {
      count_y = quotient_up(y - j, quotient_up(y - j, rows_with));
      rows_function<T>(count_x, count_y)(dots);
      dots.y += count_y * dots.y_row;
      dots.c += count_y * dots.c_y;
    }
    dots.x += count_x * dots.x_row;
  }
}

template <typename T>
bool is_interleaved(const Problem<T>& problem) {
  return problem.b.column == 1 && problem.b.row == problem.n && problem.n >= 2 && problem.n <= 4;
}

// For few columns of B: the rows of A with the columns, laid out as rows.
template <typename T>
void multiply_few_columns(const Problem<T>& problem) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  const bool is_laid_out = b.row == 1;
  const std::size_t width = round_up(k, vector_length<T>);
  const PoolArray<T> columns(is_laid_out ? 0 : n * width);
  if (is_interleaved(problem)) {
    pack_interleaved(b.data, n, k, width, columns.at(0));
  } else if (!is_laid_out) {
    pack_transposed(b.data, b.row, k, n, width, columns.at(0));
  }
  multiply_rows<T>({k, a.data, a.row, is_laid_out ? b.data : columns.at(0), is_laid_out ? b.column : width, c, ldc, 1},
                   m, n);
}

// For few rows of A: tiles as wide as can be, for each of B's elements is read once; so many terms at a time.
template <typename T>
void multiply_thin(const Problem<T>& problem, std::size_t terms) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  constexpr std::size_t most = thin_vectors * vector_length<T>;
  for (std::size_t p = 0; p < k; p += terms) {
    for (std::size_t j = 0; j < n; j += most) {
      const std::size_t width = std::min(most, n - j);
      const std::size_t vectors = quotient_up(width, vector_length<T>);
      const std::size_t last = width - (vectors - 1) * vector_length<T>;
      thin_function<T>(m, vectors)({std::min(terms, k - p), a.data + p * a.column, a.row, a.column,
                                    b.data + p * b.row + j, b.row, last, c + j, ldc, last, p > 0});
    }
  }
}

// For few rows of A and a transposed B: its rows, as they are, with those of A, unless they are too short for vectors.
template <typename T>
void multiply_few_rows(const Problem<T>& problem) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  if (k >= 2 && k <= 4 && b.column == k) {
    const std::size_t width = round_up(n, vector_length<T>);
    const PoolArray<T> rows(k * width);
    pack_interleaved(b.data, k, n, width, rows.at(0));
    return multiply_thin<T>({m, n, k, a, {rows.at(0), width, 1}, c, ldc}, k);
  }
  multiply_rows<T>({k, b.data, b.column, a.data, a.row, c, 1, ldc}, n, m);
}

// Whether that is cheaper than tiles one vector wide: per term of the sums those take m steps, this m · n in vectors,
// and n to lay the columns out, less where they are interleaved.
template <typename T>
bool has_few_columns(const Problem<T>& problem) {
  constexpr std::size_t v = vector_length<T>;
  const auto& [m, n, k, a, b, c, ldc] = problem;
  if (a.column != 1 || k < v || n >= v) return false;
  if (m <= thin_rows) return is_interleaved(problem) && 4 * n <= v && k >= 6 * v;
  // Many rows choose alike, that parts of them have the bits of the whole.
  const std::size_t rows = m < 16 ? m : 32;
  return is_interleaved(problem) || (k >= 2 * v && (rows + (b.row == 1 ? 0 : v)) * n < v * rows);
}

template <typename T>
void multiply(const Problem<T>& problem) {
  if (has_few_columns(problem)) {
    for_each_part(problem, [](const Problem<T>& part) { multiply_few_columns(part); });
  } else if (problem.m <= thin_rows && problem.b.column == 1) {
    // A large B is read along its rows, or every term would be on another page.
    const std::size_t terms = problem.b.row * problem.k > big_b / sizeof(T) ? 8 : problem.k;
    for_each_part(problem, [terms](const Problem<T>& part) { multiply_thin(part, terms); });
  } else if (problem.m <= thin_rows && problem.a.column == 1 && problem.b.row == 1) {
    for_each_part(problem, [](const Problem<T>& part) { multiply_few_rows(part); });
  } else {
    for_each_part(problem, [](const Problem<T>& part) { BlockedProduct<T>(part).run(); });
  }
}

void multiply_f32(const Problem<float>& problem) { multiply(problem); }
void multiply_f64(const Problem<double>& problem) { multiply(problem); }

}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

HWY_EXPORT(multiply_f32);
HWY_EXPORT(multiply_f64);

void multiply(const Problem<float>& problem) { HWY_DYNAMIC_DISPATCH(multiply_f32)(problem); }
void multiply(const Problem<double>& problem) { HWY_DYNAMIC_DISPATCH(multiply_f64)(problem); }

// Integers, modulo 2ⁿ: multiplied and added as unsigned numbers.
template <typename T>
void multiply(const Problem<T>& problem) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  const auto wide = [](T x) { return static_cast<std::uint64_t>(x); };
  for (std::size_t i = 0; i < m; ++i) {
    T* row = c + i * ldc;
    std::fill_n(row, n, T{0});
    for (std::size_t p = 0; p < k; ++p) {
      const std::uint64_t factor = wide(a.data[i * a.row + p * a.column]);
      const T* b_row = b.data + p * b.row;
      for (std::size_t j = 0; j < n; ++j) row[j] = static_cast<T>(wide(row[j]) + factor * wide(b_row[j * b.column]));
    }
  }
}

}  // namespace

void gemm(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const MatrixView& a, const MatrixView& b,
          void* c, std::int64_t ldc) {
  dispatch(dtype, [&](auto tag) {
    using T = decltype(tag);
    const auto size = [](std::int64_t x) { return static_cast<std::size_t>(x); };
    Problem<T> problem = {size(m), size(n), size(k), operand<T>(a), operand<T>(b), static_cast<T*>(c), size(ldc)};
    if (n == 1 && ldc == 1) {  // a column A · b is the row bᵀ · Aᵀ
      problem = {1, problem.m, problem.k, transpose(problem.b), transpose(problem.a), problem.c, problem.m};
    }
    if (m == 0 || n == 0) return;
    if (k == 0) {
      for (std::size_t i = 0; i < problem.m; ++i) std::fill_n(problem.c + i * problem.ldc, problem.n, T{0});
    } else if constexpr (!std::is_same_v<T, bool>) {
      multiply(problem);
    }
  });
}

}  // namespace wengert::kernels
#endif
