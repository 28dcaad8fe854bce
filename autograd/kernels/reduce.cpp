#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <wengert/autograd/kernels/along_axis.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/reduce_rows.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

// In multiply-adds (threads.h): what reading an element costs.
constexpr double cost_of_element = 4;

// The columns of [n, stride] from `begin` on, before `end`: many of them side by side, as long as there are so many.
void reduce_columns_by(const RowReducers& reducers, const std::byte* in, std::byte* out, std::int64_t n,
                       std::int64_t stride, std::int64_t begin, std::int64_t end) {
  const auto reduce_tiles = [&](ReduceRows reduce, std::int64_t width) {
    for (; begin + width <= end; begin += width)
      reduce(out + begin * reducers.size, in + begin * reducers.size, n, stride);
  };
  reduce_tiles(reducers.wide, reducers.lanes());
  reduce_tiles(reducers.eight, 8);
  reduce_tiles(reducers.one, 1);
}

// Combines chunks, each the sums of a full subtree of the tree by which rows are added: what stands in front of a
// number of chunks is a full tree of its lowest digit. The trees, from the last on, are added to what is behind them.
// All stays within `sums`: a row is combined with another by reducing the two. What a reduction begins with does not
// change them, as a sum is never −0.
void combine_chunks_by(const RowReducers& reducers, std::byte* sums, std::int64_t chunks, std::int64_t inner,
                       bool has_rest) {
  const auto combine = [&](std::int64_t row, std::int64_t distance) {
    std::byte* const at = sums + row * inner * reducers.size;
    reduce_columns_by(reducers, at, at, 2, distance * inner, 0, inner);
  };
  for (std::int64_t end = chunks; end > 0;) {
    const std::int64_t size = end & -end, tree = end - size;
    for (std::int64_t half = 1; half < size; half *= 2) {
      for (std::int64_t i = tree; i < end; i += 2 * half) combine(i, half);
    }
    if (end < chunks || has_rest) combine(tree, size);
    end = tree;
  }
}

constexpr std::int64_t chunk_rows = block_rows * 512;

// Reduces a row in chunks, which threads may share.
void reduce_in_chunks(const RowReducers& reducers, const std::byte* in, std::int64_t n, std::byte* out) {
  const std::int64_t lanes = reducers.lanes(), row = lanes * reducers.size, rows = n / lanes, rest = n % lanes;
  const std::int64_t chunks = rows / chunk_rows;
  const PoolArray<std::byte> sums(static_cast<std::size_t>((chunks + 1) * row));
  const double work = work_of(cost_of_element, n, static_cast<std::size_t>(reducers.size));
  parallel_ranges(chunks + 1, 1, work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const std::int64_t first = chunk * chunk_rows;
      reducers.wide(sums.at(static_cast<std::size_t>(chunk * row)), in + first * row,
                    std::min(chunk_rows, rows - first), lanes);
    }
  });
  combine_chunks_by(reducers, sums.at(0), chunks, lanes, true);
  reducers.one(sums.at(static_cast<std::size_t>(row)), in + rows * row, rest, 1);
  reducers.long_rows(out, sums.at(0), 1, lanes + 1);  // the lanes, and what is left behind them
}

void reduce_rows(const RowReducers& reducers, const std::byte* in, std::byte* out, std::int64_t rows, std::int64_t n) {
  constexpr std::int64_t many_rows = 8;
  const std::int64_t lanes = reducers.lanes();
  if (n >= lanes && n < chunk_rows * lanes) return reducers.long_rows(out, in, rows, n);
  if (n < lanes && rows >= many_rows && reducers.short_rows != nullptr)
    return reducers.short_rows(reducers.wide, out, in, rows, n);
  for (; rows > 0; --rows, in += n * reducers.size, out += reducers.size) {
    if (n < lanes)
      reducers.one(out, in, n, 1);
    else
      reduce_in_chunks(reducers, in, n, out);
  }
}

void reduce_part(const RowReducers& reducers, const std::byte* in, std::byte* out, std::int64_t n, std::int64_t inner,
                 const Part& part) {
  const std::int64_t rows = part.outer_end - part.outer_begin;
  in += part.outer_begin * n * inner * reducers.size;
  out += part.outer_begin * inner * reducers.size;
  if (inner == 1) return reduce_rows(reducers, in, out, rows, n);
  for (std::int64_t o = 0; o < rows; ++o, in += n * inner * reducers.size, out += inner * reducers.size)
    reduce_columns_by(reducers, in, out, n, inner, part.inner_begin, part.inner_end);
}

}  // namespace

void reduce(Reduction reduction, DType dtype, const void* in, void* out, std::int64_t outer, std::int64_t n,
            std::int64_t inner) {
  const RowReducers& reducers = find_row_reducers(reduction, dtype);
  const std::int64_t step = reducers.lanes();
  for_each_part(outer, inner, inner == 1 && n < step ? step : 1, step,
                work_of(cost_of_element, outer * n * inner, size_of(dtype)), [&](const Part& part) {
                  reduce_part(reducers, static_cast<const std::byte*>(in), static_cast<std::byte*>(out), n, inner,
                              part);
                });
}

void reduce_columns(Reduction reduction, DType dtype, const void* in, void* out, std::int64_t n, std::int64_t count,
                    std::int64_t stride) {
  reduce_columns_by(find_row_reducers(reduction, dtype), static_cast<const std::byte*>(in),
                    static_cast<std::byte*>(out), n, stride, 0, count);
}

void combine_chunks(Reduction reduction, DType dtype, void* sums, std::int64_t chunks, std::int64_t inner,
                    bool has_rest) {
  combine_chunks_by(find_row_reducers(reduction, dtype), static_cast<std::byte*>(sums), chunks, inner, has_rest);
}

}  // namespace wengert::kernels
