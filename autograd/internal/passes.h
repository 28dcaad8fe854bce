#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/internal/graph.h>
#include <wengert/autograd/internal/numbering.h>
#include <wengert/autograd/row_kernels.h>

/// What is done to a graph before it is replayed. Each pass takes a graph and gives one that computes the same bits.

namespace wengert::detail {

/// Without the records that neither a result nor an assignment needs.
Graph remove_dead_records(Graph graph);

/// With pointwise records reading what was stretched for them, and stretching it themselves.
Graph skip_broadcasts(Graph graph);

/// Without records that compute again what an earlier one did: same operation, attributes and operands.
Graph merge_equal_records(Graph graph);

/// With sums of parts, where two values are cut alike and added part by part, cut from the sum of the values.
Graph cut_sums(Graph graph);

/// With what is cut into parts along its first axis made part by part, each right before it is read, where products and
/// formulas make it row by row and it is too large for the cache.
Graph compute_parts(Graph graph);

/// With products that are added up one by one computed and added by one record, some of them at a time: what is read of
/// each stays, and the products are no more written to memory.
Graph gather_products(Graph graph);

/// With operands that many records would each lay out for themselves, or read faster otherwise, laid out once.
Graph lay_out_once(Graph graph);

/// With pointwise records joined where they share operands or follow each other, have one shape and compute in one
/// type: what stands between them stays in the first-level cache. A product with 1 is left out, but not where it makes
/// a subnormal number 0.
Graph fuse_pointwise(Graph graph);

/// With what a pointwise record computes cheaply from one array that is there anyway computed by those that read it,
/// and no more written to memory; where it is too large for the cache.
Graph recompute(Graph graph);

/// With what a pointwise record computes on its way kept for a later one that would compute it again, where that is
/// cheaper.
Graph share_subexpressions(Graph graph);

/// With reductions done by the pointwise records that make what is reduced; where nobody else reads that, it is no more
/// written to memory.
Graph attach_reductions(Graph graph);

/// With products added up by the pointwise record that makes the terms on their right, where that is too large for the
/// cache and they alone read it: it is no more written to memory.
Graph attach_products(Graph graph);

/// With products that one pointwise record alone reads computed by it, some rows at a time, and no more written to
/// memory as a whole; where they are too large for the cache.
Graph stream_products(Graph graph);

/// With parts that an operation cuts out of a value, or makes one of, left in place: they are the same memory. Where
/// they are not in order there, the formulas of pointwise records read and write them row by row; what other records
/// see is copied as before. So is what an operation only moves, where it is as near for formulas.
Graph share_parts(Graph graph);

/// With one program for all records that do the same: a kernel is made once for them.
Graph share_programs(Graph graph);

/// With runs of records found that threads divide among them by rows, instead of each record alone. Comes last: no
/// record may move any more.
Graph divide_rows(Graph graph);

/// A pass, and the option that leaves it out.
struct Pass {
  Graph (*run)(Graph graph);
  bool CompileOptions::*option = nullptr;
};
/// All passes, in their order.
std::span<const Pass> passes();

/// Whether both were recorded from the same computation; otherwise says in `difference` where they first differ.
bool same_graph(const Graph& a, const Graph& b, std::string& difference);

/// What makes two records compute the same.
Numbering::Words key_of(const GraphRecord& record);

/// Pointwise records of one shape, each after those that make its operands, as one: its results are those values that
/// leave it. Equal instructions are done once.
GraphRecord join(const Graph& graph, std::span<const GraphRecord* const> records, const std::vector<bool>& leaves);

/// What a pointwise record computes, its attributes written into it.
kernels::Program program_of(const GraphRecord& record);

/// Whether a pointwise record is a formula that others may join: what is code of its own would be interpreted in a
/// group.
bool is_formula(const GraphRecord& record);

/// Whether the record is a reduction that may be done by the one that makes what it reduces.
bool can_attach(const Graph& graph, const GraphRecord& record);

/// From now on a pointwise record computes the program of its inputs, …
void set_program(GraphRecord& record, kernels::Program program);
/// … or what its results need of it, of those of its inputs that this needs: values get other numbers.
void set_needed_program(GraphRecord& record, const kernels::Program& program);

/// Tensors that have the types of values as they are used, and no elements to look at: for rules that ask for types
/// alone.
std::vector<Tensor> types_of(const Graph& graph, std::span<const Use> uses);

/// The kernel of a product by rows, whose matrices are so small that each thread may read all of them from its
/// second-level cache; none for other records.
std::optional<RowKernel> kernel_by_rows(const Graph& graph, const GraphRecord& record);

/// What is smaller stays in the second-level cache as it is.
inline constexpr std::size_t beyond_cache_bytes = std::size_t{1} << 20;

/// The axis along which a record divides its operand, or joins its operands.
std::size_t cut_axis(const GraphRecord& record);

/// Whether the record adds two operands of one shape and type, element by element.
bool is_addition(const Graph& graph, const GraphRecord& record);

/// Whether attributes are the same, to the bit.
bool same_attributes(const Attributes& a, const Attributes& b);

/// Without the records that are marked.
void leave_out(Graph& graph, const std::vector<bool>& is_left_out);

/// The number of a record that there is not.
inline constexpr std::size_t no_record = std::numeric_limits<std::size_t>::max();

/// Where something is made: by which record, and which of the results or values there it is.
struct Place {
  std::size_t record = no_record, number = 0;
};

/// The record that makes each value; no_record for what comes in.
std::vector<std::size_t> find_makers(const Graph& graph);

/// Which values are results or assigned to slots.
std::vector<bool> find_passed_on(const Graph& graph);

/// How often each value is read by records, results and assignments.
std::vector<std::uint32_t> count_reads(const Graph& graph);

}  // namespace wengert::detail
