#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/threads.h>

// The floating product is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/gemm.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_blocked-inl.h>
#include <wengert/autograd/kernels/gemm_pack-inl.h>
#include <wengert/autograd/kernels/gemm_rows-inl.h>
#include <wengert/autograd/kernels/gemm_sum-inl.h>
#include <wengert/autograd/kernels/gemm_terms-inl.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>
#include <wengert/autograd/kernels/gemm_wide-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Multiply-adds that are not worth a thread in any case.
constexpr std::size_t small = std::size_t{1} << 16;

// Computes parts of C, as many as are worth a thread: rows of whole strips, or columns of whole panels, whichever C has
// more of. Every element is summed up in the same order whatever part it is in.
template <typename T>
void multiply_parts(const Problem<T>& problem, const ProductPlan<T>& plan) {
  if (problem.m * problem.n * problem.k < small) return plan.multiply(problem, plan);
  const bool by_rows = problem.m > problem.n;
  const std::size_t step = by_rows ? 4 * tile_rows : wide_vectors * vector_length<T>;
  const auto count = static_cast<std::int64_t>(by_rows ? problem.m : problem.n);
  const auto multiply_part = [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin), size = static_cast<std::size_t>(end - begin);
    plan.multiply(by_rows ? problem.rows(first, size) : problem.columns(first, size), plan);
  };
  // Each part reads the other operand once more, and may lay it out for itself. That shows where it is large and takes
  // a transposition, of a big B, whose columns are on all of its pages whatever they are, and of a transposed A, as in
  // gradients, as long as there can be fewer parts of about the same size. They have some 512 rows or columns then.
  const bool transposes = by_rows ? problem.b.column != 1 : problem.a.column == 1;
  const bool is_big = !by_rows && is_big_b(problem);
  const std::int64_t of_each = count / threads();
  const bool is_gradient = problem.a.column != 1 && of_each >= 4 * static_cast<std::int64_t>(step);
  const bool are_fewer = is_big || is_gradient || (transposes && of_each >= 384);
  parallel_ranges(count, static_cast<std::int64_t>(step), problem.work(), multiply_part,
                  are_fewer ? std::clamp(of_each / 512, std::int64_t{1}, pieces_per_thread) : pieces_per_thread);
}

// The scalar products of the first `x` rows with `y`, some at a time; with one, the last are computed together, and
// some of them again, which is cheaper than one by one.
template <typename T>
void multiply_by_dots(const Dots<T>& all, std::size_t x, std::size_t y) {
  for (std::size_t i = 0, count_x = 0; i < x; i += count_x) {
    if (y == 1 && x >= rows_together && x - i > 1) i = std::min(i, x - rows_together);
    count_x = x - i >= rows_together ? rows_together : 1;
    const T* const first = all.x + i * all.x_row;
    for (std::size_t j = 0, count_y = 0; j < y; j += count_y) {
      count_y = quotient_up(y - j, quotient_up(y - j, rows_with));
      dots_function<T>(count_x, count_y)({all.k, first, all.x_row, all.y + j * all.y_row, all.y_row,
                                          all.c + i * all.c_x + j * all.c_y, all.c_x, all.c_y});
    }
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
  multiply_by_dots<T>(
      {k, a.data, a.row, is_laid_out ? b.data : columns.at(0), is_laid_out ? b.column : width, c, ldc, 1}, m, n);
}

// For few rows of A and a transposed B: its rows, as they are, with those of A, unless they are too short for vectors.
template <typename T>
void multiply_few_rows(const Problem<T>& problem) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  if constexpr (HWY_TARGET != HWY_SCALAR) {
    if (k >= 2 && k <= 4 && b.column == k && m * n >= 64) {
      const std::size_t width = round_up(n, vector_length<T>);
      const PoolArray<T> rows(k * width);
      pack_interleaved(b.data, k, n, width, rows.at(0));
      return multiply_few_terms<T>({m, n, k, a, {rows.at(0), width, 1}, c, ldc});
    }
    if (k <= few_terms && (m == 1 || k <= 6)) {
      static constexpr auto functions = short_rows_functions<T>(std::make_index_sequence<few_terms>());
      return functions[k - 1](problem);
    }
  }
  multiply_by_dots<T>({k, b.data, b.column, a.data, a.row, c, 1, ldc}, n, m);
}

// Whether scalar products of rows and columns are cheaper than tiles one vector wide. Costs are in 24ths of a cycle of
// two multiplications, times a vector's length.
template <typename T>
bool has_few_columns(const Problem<T>& problem) {
  constexpr std::size_t v = vector_length<T>;
  const auto& [m, n, k, a, b, c, ldc] = problem;
  if (a.column != 1 || k < v || n >= v) return false;
  if (m <= thin_rows) return is_interleaved(problem) && 4 * n <= v && k >= 6 * v;
  // Many rows choose alike, that parts of them have the bits of the whole.
  const bool are_few = m < equal_bits_from;
  const std::size_t rows = are_few ? m : 2 * equal_bits_from;
  // Twelve rows of a tile take 6½ cycles per term, for each reads a factor; of half a vector 5½: by some processors it
  // is 3, by others 6½.
  const bool fits_half = n <= hn::MaxLanes(ShortLanes<T>()) && has_half_vectors;
  const std::size_t cost_of_term = fits_half ? 11 : 13;
  // A scalar product takes a multiplication per vector of terms, and three or five more to add up its lanes.
  constexpr std::size_t cost_of_multiplication = 12, multiplications_to_end = HWY_TARGET <= HWY_AVX3 ? 5 : 3;
  // An operand whose columns lie as rows is laid out: B's rows for tiles, its columns for scalar products, for which
  // few rows wait. With AVX2 that was measured to take four times as long, unless rows of B are so short that
  // vectors of them are taken apart.
  const std::size_t cost_of_element = are_tiles_short && !is_interleaved(problem) ? 24 : 6;
  const std::size_t layout = cost_of_element * n * v * k;
  const std::size_t tiles = cost_of_term * v * rows * k;
  const std::size_t dots = cost_of_multiplication * n * rows * (round_up(k, v) + multiplications_to_end * v);
  return b.row == 1 ? dots < tiles + layout
                    : dots + (are_few ? 2 : 1) * layout + cost_of_multiplication * n * v * v < tiles;
}

template <typename T>
ProductPlan<T> plan_of(const Problem<T>& problem) {
  // Without vectors such products are left to tiles: the functions for them would be too much for machines so old.
  if constexpr (HWY_TARGET != HWY_SCALAR) {
    if (has_few_terms(problem.k, problem.b)) {
      return {.multiply = [](const Problem<T>& part, const ProductPlan<T>&) { multiply_few_terms(part); }};
    }
    if (has_few_columns(problem)) {
      if (problem.m <= 2 && problem.n == 2 && is_interleaved(problem)) {
        return {.multiply = [](const Problem<T>& part, const ProductPlan<T>&) { multiply_by_pairs(part); }};
      }
      return {.multiply = [](const Problem<T>& part, const ProductPlan<T>&) { multiply_few_columns(part); }};
    }
  }
  if (is_for_wide_tiles(problem)) return wide_plan(problem);
  if (problem.m <= thin_rows && problem.a.column == 1 && problem.b.row == 1) {
    return {.multiply = [](const Problem<T>& part, const ProductPlan<T>&) { multiply_few_rows(part); }};
  }
  return {.multiply = [](const Problem<T>& part, const ProductPlan<T>& plan) { multiply_in_blocks(part, plan.terms); },
          .terms = terms_of_block(problem)};
}

// So few multiply-adds take less than the choice of a function for vectors.
constexpr std::size_t tiny = 9;
static_assert(tiny < equal_bits_from, "parts of a larger product are summed up as the whole is");

template <typename T>
void multiply_tiny(const Problem<T>& problem) {
  const auto& [m, n, k, a, b, c, ldc] = problem;
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const T* x = a.data + i * a.row;
      const T* y = b.data + j * b.column;
      T sum = *x * *y + T{0};  // as other sums begin with 0, none is -0
      for (std::size_t p = 1; p < k; ++p) sum += *(x += a.column) * *(y += b.row);
      c[i * ldc + j] = sum;
    }
  }
}

template <typename T>
void multiply(const Problem<T>& problem) {
  if (problem.m * problem.n * problem.k <= tiny) return multiply_tiny(problem);
  multiply_parts(problem, plan_of(problem));
}

}  // namespace

void multiply_f32(const Problem<float>& problem) { multiply(problem); }
void multiply_f64(const Problem<double>& problem) { multiply(problem); }
void add_products_f32(const Problem<float>& problem, const float* products, std::size_t count) {
  add_products(problem, products, count);
}
void add_products_f64(const Problem<double>& problem, const double* products, std::size_t count) {
  add_products(problem, products, count);
}
void add_up_f32(const ProductSum<float>& sum) { add_up(sum); }
void add_up_f64(const ProductSum<double>& sum) { add_up(sum); }

}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

template <typename T>
MatrixOperand<T> operand(const MatrixView& view) {
  const auto leading = static_cast<std::size_t>(view.leading);
  const auto* data = static_cast<const T*>(view.data);
  return view.transposed ? MatrixOperand<T>{data, 1, leading} : MatrixOperand<T>{data, leading, 1};
}

HWY_EXPORT(multiply_f32);
HWY_EXPORT(multiply_f64);
HWY_EXPORT(add_products_f32);
HWY_EXPORT(add_products_f64);
HWY_EXPORT(add_up_f32);
HWY_EXPORT(add_up_f64);

void multiply(const Problem<float>& problem) { HWY_DYNAMIC_DISPATCH(multiply_f32)(problem); }
void multiply(const Problem<double>& problem) { HWY_DYNAMIC_DISPATCH(multiply_f64)(problem); }
void add_products(const Problem<float>& problem, const float* products, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(add_products_f32)(problem, products, count);
}
void add_products(const Problem<double>& problem, const double* products, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(add_products_f64)(problem, products, count);
}
void add_up(const ProductSum<float>& sum) { HWY_DYNAMIC_DISPATCH(add_up_f32)(sum); }
void add_up(const ProductSum<double>& sum) { HWY_DYNAMIC_DISPATCH(add_up_f64)(sum); }

// Whether threads take parts of the terms, and thereby rows of B: where those of A are few, B is most of what is read.
// An optimiser's update of B, and the gradient before it, are divided by rows too. So each thread finds what it wrote
// in its own cache, where columns of B would be lines that the others have just written; unless B is more than those
// caches hold.
template <typename T>
bool is_divided_by_terms(const Problem<T>& problem) {
  constexpr std::size_t least = equal_bits_from, few_rows = 64, cache = (std::size_t{2} << 20) / sizeof(T);
  if (problem.m < least || problem.m > few_rows || problem.n < least || problem.b.column != 1) return false;
  const auto count = static_cast<std::size_t>(threads());
  return problem.k * problem.n <= count * cache && pieces_of(problem.work()) > 1 && problem.blocks() >= count;
}

// A product for each block of terms, and their sum, added up in the order in which one thread adds them.
template <typename T>
void multiply_by_terms(const Problem<T>& problem) {
  const std::size_t m = problem.m, n = problem.n, terms = problem.terms(), blocks = problem.blocks();
  const PoolArray<T> products((blocks - 1) * m * n);
  const auto multiply_block = [&](std::size_t block) {
    const std::size_t first = block * terms;
    Problem<T> part = problem;
    part.k = std::min(terms, problem.k - first);
    part.a.data += first * part.a.column;
    part.b.data += first * part.b.row;
    if (block > 0) {
      part.c = products.at((block - 1) * m * n);
      part.ldc = n;
    }
    multiply(part);
  };
  parallel_ranges(static_cast<std::int64_t>(blocks), 1, problem.work(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) multiply_block(static_cast<std::size_t>(block));
  });
  add_products(problem, products.at(0), blocks - 1);
}

// Modulo 2ⁿ: multiplied and added as unsigned numbers.
template <typename T>
void multiply_integers(const Problem<T>& problem) {
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
  dispatch_stored(dtype, [&](auto tag) {
    using T = decltype(tag);
    const auto size = [](std::int64_t x) { return static_cast<std::size_t>(x); };
    Problem<T> problem = {size(m), size(n), size(k), operand<T>(a), operand<T>(b), static_cast<T*>(c), size(ldc)};
    if (n == 1 && ldc == 1) {  // a column A · b is the row bᵀ · Aᵀ
      problem = {1, problem.m, problem.k, transpose(problem.b), transpose(problem.a), problem.c, problem.m};
    }
    if (m == 0 || n == 0) return;
    if (k == 0) {
      for (std::size_t i = 0; i < problem.m; ++i) std::fill_n(problem.c + i * problem.ldc, problem.n, T{0});
    } else if constexpr (std::is_floating_point_v<T>) {
      is_divided_by_terms(problem) ? multiply_by_terms(problem) : multiply(problem);
    } else {
      multiply_integers(problem);
    }
  });
}

std::int64_t gemm_block(std::int64_t k) {
  return static_cast<std::int64_t>(terms_in_one_go(static_cast<std::size_t>(k)));
}

void gemm_join(DType dtype, std::int64_t elements, std::int64_t count, const void* products, void* sum) {
  dispatch_floating(dtype, [&]<typename T>(T) {
    const auto size = static_cast<std::size_t>(elements);
    const auto* const first = static_cast<const T*>(products);
    auto* const to = static_cast<T*>(sum);
    std::copy_n(first, size, to);
    add_products(Problem<T>{1, size, 1, {}, {}, to, size}, first + size, static_cast<std::size_t>(count) - 1);
  });
}

std::int64_t columns_together(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t leading) {
  // Four lines of a row each. A larger B is read from memory, along its rows (measured:
  // docs/decisions/0023-products-of-a-graph-are-seen-together.md).
  constexpr std::int64_t group_bytes = 256, fewest_pages = 64, most_rows = 64, most_bytes = std::int64_t{2} << 20;
  static_assert(group_bytes / std::int64_t{sizeof(double)} >= equal_bits_from);
  if (!is_floating(dtype)) return 0;
  const auto size = static_cast<std::int64_t>(size_of(dtype)), group = group_bytes / size, row = leading * size;
  const bool is_spread = 2 * row >= std::int64_t{page} && k * row >= fewest_pages * std::int64_t{page};
  const bool are_few = m >= equal_bits_from && m <= most_rows;
  return is_spread && are_few && n % group == 0 && k * n * size <= most_bytes ? group : 0;
}

bool can_sum(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const MatrixView& b) {
  const auto terms = static_cast<std::size_t>(k);
  if (!is_floating(dtype) || terms == 0 || terms > block_terms) return false;
  if (std::min(m, n) >= equal_bits_from) return true;
  return has_few_terms(terms, operand<float>(b)) && static_cast<std::size_t>(m) > thin_rows && n > 1;
}

void gemm_sum(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const MatrixView& a, const MatrixView& b,
              std::span<const void* const> factors, const void* before, void* c) {
  // Each part goes through all products, and so stays in a cache of its thread: rows where they are enough, as of a
  // row's columns the memory is foreseen beyond their end, and taken from the thread that writes there.
  constexpr std::int64_t step = 4 * equal_bits_from;
  const bool by_rows = m > n || m >= step * threads();
  const auto add_up_part = [&]<typename T>(T, std::int64_t begin, std::int64_t end) {
    const auto size = [](std::int64_t x) { return static_cast<std::size_t>(x); };
    const std::size_t first = size(begin), first_c = by_rows ? first * size(n) : first;
    ProductSum<T> sum = {
        factors, 0, 0, {size(m), size(n), size(k), operand<T>(a), operand<T>(b), nullptr, size(n)}, nullptr};
    (by_rows ? sum.part.m : sum.part.n) = size(end - begin);
    (by_rows ? sum.a_first : sum.b_first) = first * (by_rows ? sum.part.a.row : sum.part.b.column);
    sum.part.c = static_cast<T*>(c) + first_c;
    if (before != nullptr) sum.before = static_cast<const T*>(before) + first_c;
    add_up(sum);
  };
  const auto count = static_cast<std::int64_t>(factors.size() / 2);
  parallel_ranges(by_rows ? m : n, step, work_of(static_cast<double>(k), count * m * n, size_of(dtype)),
                  [&](std::int64_t begin, std::int64_t end) {
                    dispatch_floating(dtype, [&](auto type) { add_up_part(type, begin, end); });
                  });
}

}  // namespace wengert::kernels
#endif
