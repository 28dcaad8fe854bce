#include <algorithm>

#include <wengert/autograd/kernels/piecewise_reduction.h>
#include <wengert/autograd/kernels/reduce_rows.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

// A piece stays in the first-level cache beside what computes it, or at least in the second.
constexpr std::int64_t wanted_bytes = 4 * 1024;  // as the largest tile of the pointwise programs
constexpr std::int64_t most_bytes = 256 * 1024;
// What adding an element of a chunk's sums costs, in multiply-adds (threads.h).
constexpr double cost_of_chunk = 8;

}  // namespace

PiecewiseReduction::Cut PiecewiseReduction::cut_of(const ReducedArray& array, std::int64_t size) {
  const std::int64_t run = array.n * array.inner, wanted = wanted_bytes / size;
  const auto rows_of_chunk = [wanted](std::int64_t columns) {
    std::int64_t rows = block_rows;
    while (rows * columns < wanted) rows *= 2;
    return rows;
  };
  // Long columns of several matrices, each in whole chunks.
  const bool has_long_columns = array.outer > 1 && array.inner > 1 && run * size > most_bytes;
  if (has_long_columns && array.n % rows_of_chunk(array.inner) == 0)
    return {rows_of_chunk(array.inner) * array.inner, array.inner};
  if (array.outer > 1 || run <= wanted) {
    // So many results that a piece ends with a block of the pointwise programs, where they are small.
    constexpr std::int64_t step = 16;
    const std::int64_t results = wanted / run;
    return {run * (results >= step ? results / step * step : std::max<std::int64_t>(results, 1)), 0};
  }
  // A single row is dealt out to columns.
  const auto lanes = static_cast<std::int64_t>(row_lanes(static_cast<std::size_t>(size)));
  const std::int64_t columns = array.inner > 1 ? array.inner : lanes;
  return {rows_of_chunk(columns) * columns, columns};
}

std::int64_t PiecewiseReduction::piece_elements(const ReducedArray& array) {
  const auto size = static_cast<std::int64_t>(size_of(array.dtype));
  const std::int64_t piece = cut_of(array, size).piece;
  return piece * size <= most_bytes ? piece : 0;
}

PiecewiseReduction::PiecewiseReduction(const ReducedArray& array, void* out)
    : array_(array),
      out_(static_cast<std::byte*>(out)),
      size_(static_cast<std::int64_t>(size_of(array.dtype))),
      cut_(cut_of(array, size_)),
      chunks_(array.elements() / cut_.piece),
      sums_(cut_.columns > 0 ? static_cast<std::size_t>(((chunks_ + 1) * cut_.columns + 1) * size_) : 0) {}

void PiecewiseReduction::add(const std::byte* elements, std::int64_t first, std::int64_t count) const {
  if (cut_.columns == 0) {
    const std::int64_t run = array_.n * array_.inner;
    return reduce_to(out_ + first / run * array_.inner * size_, elements, count / run, array_.n, array_.inner);
  }
  const std::int64_t chunk = first / cut_.piece, rows = count / cut_.columns, rest = count - rows * cut_.columns;
  reduce_to(sum(chunk), elements, 1, rows, cut_.columns);
  if (chunk == chunks_) reduce_to(sum(chunks_ + 1), elements + rows * cut_.columns * size_, 1, rest, 1);
}

void PiecewiseReduction::finish() const {
  if (cut_.columns == 0) return;
  if (array_.outer > 1) return finish_matrices();
  if (chunks_ * cut_.piece == array_.elements()) add(sum(chunks_), array_.elements(), 0);
  combine_chunks(array_.reduction, array_.dtype, sum(0), chunks_, cut_.columns, true);
  if (array_.inner > 1) {
    std::copy_n(sum(0), array_.inner * size_, out_);
  } else {
    std::copy_n(sum(chunks_ + 1), size_, sum(1));  // behind the lanes
    reduce_to(out_, sum(0), 1, cut_.columns + 1, 1);
  }
}

void PiecewiseReduction::finish_matrices() const {
  const std::int64_t chunks = chunks_ / array_.outer;
  const double work = static_cast<double>(chunks_ * array_.inner) * cost_of_chunk;
  parallel_ranges(array_.outer, 1, work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      combine_chunks(array_.reduction, array_.dtype, sum(o * chunks), chunks, array_.inner, false);
      std::copy_n(sum(o * chunks), array_.inner * size_, out_ + o * array_.inner * size_);
    }
  });
}

}  // namespace wengert::kernels
