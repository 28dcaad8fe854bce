#include <algorithm>

#include <wengert/autograd/internal/passes.h>

namespace wengert::detail {
namespace {

// Of a product that is worth it though it would fit the second-level cache: beside what is made of it, as an
// optimiser's state, it does not. What each block reads again must then be near.
constexpr std::size_t least_bytes = 256 * 1024, most_bytes_read_again = 64 * 1024;

// Of a block: beside other operands in that cache, and so many rows that a product is fast.
constexpr std::int64_t block_bytes = 128 * 1024, most_block_bytes = 512 * 1024;
constexpr std::int64_t few_rows = 48, many_rows = 98;

/// Elements of a block: as many rows as divide those of a matrix, and make whole pieces of what the record reduces; 0
/// where there is no such number that is worth it.
std::int64_t block_of(const RowKernel& kernel, const GraphValue& value, const GraphRecord& reader) {
  const std::int64_t row_bytes = kernel.columns * static_cast<std::int64_t>(size_of(value.dtype));
  if (few_rows * row_bytes > most_block_bytes || kernel.columns < RowKernel::fewest) return 0;
  const std::int64_t piece = reader.piece();
  for (std::int64_t rows = std::clamp(block_bytes / row_bytes, few_rows, many_rows); rows >= RowKernel::fewest;
       --rows) {
    if (kernel.rows % rows == 0 && rows * kernel.columns % piece == 0) return rows * kernel.columns;
  }
  return 0;
}

bool is_worth_it(const Graph& graph, const GraphValue& value, const GraphRecord& product) {
  if (value.bytes() >= beyond_cache_bytes) return true;
  std::size_t read_again = 0;
  for (std::size_t i = 1; i < product.inputs.size(); ++i) read_again += graph.values[product.inputs[i].value].bytes();
  return value.bytes() >= least_bytes && read_again <= most_bytes_read_again;
}

}  // namespace

Graph stream_products(Graph graph) {
  const std::vector<std::uint32_t> reads = count_reads(graph);
  std::vector<std::size_t> made_by(graph.values.size(), no_record);
  std::vector<bool> is_streamed(graph.records.size(), false);
  for (std::size_t r = 0; r < graph.records.size(); ++r) {
    GraphRecord& record = graph.records[r];
    if (!record.is_pointwise()) {
      if (record.operation->prepare_rows) made_by[record.outputs[0].value] = r;
      continue;
    }
    for (std::size_t i = 0; i < record.inputs.size() && !record.streamed && !record.taken; ++i) {
      const Use use = record.inputs[i];
      GraphValue& value = graph.values[use.value];
      const std::size_t maker = made_by[use.value];
      if (maker == no_record || reads[use.value] != 1 || use.shape != record.outputs[0].shape) continue;
      const GraphRecord& product = graph.records[maker];
      if (!is_worth_it(graph, value, product)) continue;
      const RowKernel kernel = product.operation->prepare_rows(types_of(graph, product.inputs), product.attributes);
      const std::int64_t block = block_of(kernel, value, record);
      if (block == 0) continue;
      record.streamed = std::make_shared<const Streamed>(
          Streamed{product.operation, product.attributes, i, product.inputs.size(), block});
      record.inputs.insert(record.inputs.end(), product.inputs.begin(), product.inputs.end());
      value.source = Source::fleeting;
      is_streamed[maker] = true;
    }
  }
  leave_out(graph, is_streamed);
  return graph;
}

}  // namespace wengert::detail
