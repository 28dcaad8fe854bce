#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/operation.h>

/// A recorded function as data: what passes over it read and rewrite, and what is replayed.

namespace wengert::detail {

/// `fleeting` values are computed too, but reduced as they are made, or made as they are read, and never there as a
/// whole.
enum class Source : std::uint8_t { input, slot, constant, computed, fleeting };

/// Where a value stands within another one: in order from an element on, or as a view shows it to all who see it in one
/// shape.
struct ValuePart {
  std::uint32_t whole = 0;
  View view = {};  // without strides: in order from its first element on
};

/// The rows of elements in order that a view of that shape is; all in order where their `run` is 0.
kernels::PointwiseRows layout_of(const Shape& shape, const View& view);

/// A value: elements that exist once. `place` counts the inputs and the slots.
struct GraphValue {
  Source source = Source::computed;
  DType dtype = DType::f32;
  std::int64_t elements = 0;
  std::uint32_t place = 0;
  Tensor constant = {};
  std::shared_ptr<const ValuePart> part = {};  // null: it has a place of its own

  bool is_in_order() const { return part == nullptr || part->view.strides.empty(); }
  std::size_t bytes() const { return static_cast<std::size_t>(elements) * size_of(dtype); }
};

/// A value as an operand or a result: under one of the shapes that its elements are seen in.
struct Use {
  std::uint32_t value = 0;
  Shape shape = {};

  bool operator==(const Use&) const = default;
};

/// A reduction of what a pointwise record computes, done while that is in the cache.
struct Reduced {
  const Operation* operation = nullptr;
  std::size_t output = 0;  // of the record's program
  kernels::ReducedArray array = {};
};

/// What makes an operand of a pointwise record, block by block as it is read. Its own operands come last among the
/// record's inputs.
struct Streamed {
  const Operation* operation = nullptr;
  Attributes attributes = {};
  std::size_t input = 0;     // which operand
  std::size_t operands = 0;  // how many of its own
  std::int64_t block = 0;    // elements
};

/// What takes an output of a pointwise record, block by block as it is computed. Its other operands come last among the
/// record's inputs, its result last among the outputs.
struct Taken {
  const Operation* operation = nullptr;
  Attributes attributes = {};
  std::size_t output = 0;    // which
  Use use = {};              // as the operation sees it
  std::size_t operands = 0;  // how many others
};

/// One record. Pointwise ones have a program of their own; those that were fused have no `operation` any more, and name
/// what they are made of. What they reduce comes last among their outputs.
struct GraphRecord {
  const Operation* operation = nullptr;
  Attributes attributes = {};
  std::vector<Use> inputs = {};
  std::vector<Use> outputs = {};
  std::shared_ptr<const kernels::Program> fused = {};
  DType compute = DType::f32;
  std::vector<const Operation*> parts = {};
  std::vector<Reduced> reductions = {};
  std::shared_ptr<const Streamed> streamed = {};  // null: nothing, as in most records, which are to be small
  std::shared_ptr<const Taken> taken = {};        // not beside `streamed`

  bool is_pointwise() const { return fused != nullptr || operation->pointwise != nullptr; }
  /// Of a pointwise record: the program of its inputs, and of its attributes where it has any.
  const kernels::Program& formula() const;
  /// What the record's kernel or program reads, and what it gives.
  std::span<const Use> read() const {
    return std::span(inputs).first(inputs.size() - (streamed ? streamed->operands : taken ? taken->operands : 0));
  }
  std::span<const Use> computed() const { return std::span(outputs).first(outputs.size() - of_computed().size()); }
  /// And what is made of that as it is computed.
  std::span<const Use> of_computed() const { return std::span(outputs).last(reductions.size() + (taken ? 1 : 0)); }
  /// Whether nothing is reduced, made or taken beside what the kernel or program computes.
  bool is_alone() const { return reductions.empty() && !streamed && !taken; }
  /// All inputs of the operation that takes an output.
  std::vector<Use> inputs_of_taken() const;
  /// Elements of the pieces in which the record reduces what it computes; 1 where it reduces nothing.
  std::int64_t piece() const;
};

struct Assignment {
  std::uint32_t slot = 0;
  std::uint32_t value = 0;
  bool operator==(const Assignment&) const = default;
};

/// A parameter or slot.
struct SlotUse {
  std::shared_ptr<ParameterState> state = {};
  bool is_own = false;  // made by the function at each call
  bool operator==(const SlotUse& other) const { return is_own == other.is_own && (is_own || state == other.state); }
};

/// A truth value of the host: what was read of it at first, and set at last.
struct FlagUse {
  std::shared_ptr<bool> flag = {};
  std::optional<bool> read = {}, set = {};
  bool operator==(const FlagUse&) const = default;
};

/// Records one after the other that all make so many rows, each row of what their predecessors have made of that row:
/// a thread may do some of the rows in all of them, and none waits for another in between.
struct RowRun {
  std::size_t first = 0, count = 0;
  std::int64_t rows = 0;
};

/// A function: inputs and slots in, records, then results out and slots assigned.
struct Graph {
  std::vector<GraphValue> values;
  std::vector<GraphRecord> records;
  std::vector<SlotUse> slots;
  std::vector<Assignment> assignments;
  std::vector<Use> results;
  std::vector<FlagUse> flags;
  std::vector<RowRun> row_runs;     // in order
  bool without_subnormals = false;  // where it was recorded, and is replayed

  /// One more that is computed.
  Use add_value(DType dtype, const Shape& shape);

  // Once, in graph.cpp, as they are long.
  Graph();
  Graph(const Graph& other);
  Graph(Graph&& other) noexcept;
  Graph& operator=(const Graph& other) = delete;
  Graph& operator=(Graph&& other) noexcept;
  ~Graph();
};

/// The value with memory of its own that a part of parts is in at last, and the element that the part begins with
/// there.
struct Root {
  std::uint32_t value = 0;
  std::int64_t first = 0;
};
inline Root root_of(const Graph& graph, std::uint32_t value) {
  Root root{value, 0};
  for (; graph.values[root.value].part != nullptr; root.value = graph.values[root.value].part->whole)
    root.first += graph.values[root.value].part->view.first;
  return root;
}

/// Elements from one index of a result to the next along each axis, of an operand that is stretched to it …
Ints strides_of(const Graph& graph, const Use& use, const Shape& result);
/// … and which indices it has elements for; none: all.
std::optional<kernels::PointwiseWindow> window_of(const Graph& graph, const Use& use, const Shape& result);

}  // namespace wengert::detail
