#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <type_traits>

#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/pointwise_frame.h>
#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels {

inline std::int64_t elements_of(std::span<const std::int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies());
}

struct TileInput {
  InputReader reader;
  bool is_in_place;
  std::int64_t first;  // the element that stands at the beginning
  // What the input's own array holds: so many elements, from this one on.
  std::int64_t held = 0;
  std::size_t held_count = 0;
};
static_assert(std::is_trivially_destructible_v<TileInput>);

struct TileOutput {
  std::byte* data;
  DType dtype;
  bool is_kept;        // otherwise there is room for one piece
  std::int64_t size;   // of an element
  std::int64_t first;  // the element that stands at the beginning
  PointwiseRows rows;

  std::byte* at(std::int64_t element) const { return data + rows.place(element - first) * size; }
  // How many of `count` elements stand there one after the other.
  std::size_t contiguous(std::int64_t element, std::size_t count) const {
    return rows.run == 0 ? count : std::min(count, static_cast<std::size_t>(rows.run - element % rows.run));
  }
};

// Where things are in the memory of one run: an array for each slot of a tile, then blocks, then what is named here.
struct ScratchLayout {
  explicit ScratchLayout(const PointwisePlan& plan)
      : array_bytes(plan.tile_bytes + block_bytes),
        slots(plan.array_count() * array_bytes + plan.blocks * block_bytes),
        inputs(slots + plan.slot_count() * sizeof(Operand)),
        outputs(inputs + plan.program.inputs * sizeof(TileInput)),
        pieces(whole_blocks(outputs + plan.outputs.size() * sizeof(TileOutput))) {}

  std::size_t array_bytes;  // a block beyond the tile keeps arrays from falling on the same lines of the cache
  std::size_t slots, inputs, outputs;
  std::size_t pieces;  // beyond: of each output that is not kept
};

inline std::size_t room_bytes(DType dtype, std::int64_t piece) {
  return whole_blocks(static_cast<std::size_t>(piece) * size_of(dtype));
}
inline std::size_t room_bytes(std::span<const PointwiseOutput> outputs, std::int64_t piece) {
  std::size_t bytes = 0;
  for (const PointwiseOutput& output : outputs) bytes += output.data == nullptr ? room_bytes(output.dtype, piece) : 0;
  return bytes;
}

// Whether primitives can read and write all of so many elements where they stand, as one tile: in order, and in whole
// blocks or with room for them. An input may be one element.
template <typename Inputs>
bool are_plain(DType compute, std::int64_t elements, const Inputs& inputs, std::span<const PointwiseOutput> outputs) {
  const bool is_whole = static_cast<std::size_t>(elements) * size_of(compute) % block_bytes == 0;
  for (const PointwiseOutput& output : outputs) {
    if (output.rows.run != 0 || output.dtype != compute || !(is_whole || output.padded)) return false;
  }
  for (const auto& input : inputs) {
    if (input.dtype != compute || input.window) return false;
    if (input.strides[0] == 0) continue;
    if (input.strides[0] != 1 || !(is_whole || input.padded)) return false;
  }
  return true;
}

// What a kernel is asked for.
struct PointwiseRun {
  const PointwisePlan& plan;
  DType compute;
  std::span<const PointwiseInput> inputs;
  std::span<const double> uniforms;
  std::span<const PointwiseOutput> outputs;
  std::span<const std::int64_t> shape;
  std::span<const PointwiseReduction> reductions = {};
  const PointwiseSource* source = nullptr;
  const PointwiseSink* sink = nullptr;
};

// One run in tiles, over any shape and dtypes.
class TiledRun {
 public:
  TiledRun(const PointwiseRun& run, const ScratchLayout& layout, std::int64_t piece, bool in_pieces,
           std::byte* scratch);

  void run(std::int64_t begin, std::int64_t end);
  const TileOutput* outputs() const { return outputs_; }
  // Tells where a part of an input is, and which element it begins with.
  void show_input(std::size_t i, const void* data, std::int64_t first);
  // The same for an output.
  void show_output(std::size_t k, std::byte* data, std::int64_t first);

 private:
  bool is_native() const { return plan_.native_code(compute_) != nullptr; }
  bool is_whole(std::size_t count) const { return count * size_ % block_bytes == 0; }
  bool is_direct(std::size_t k) const { return plan_.outputs[k].is_direct && outputs_[k].dtype == compute_; }
  bool is_in_order(std::size_t k, std::int64_t first, std::size_t count) const;
  bool are_in_place(std::int64_t elements) const;
  void keep_rows_whole(std::int64_t run);
  void prepare_input(const PointwiseRun& run, std::size_t i);
  void run_tiles(std::int64_t begin, std::int64_t end);
  void run_tile(std::int64_t first, std::size_t count);
  void run_and_ask(std::size_t count);
  void read(std::size_t i, std::int64_t first, std::size_t count);
  void write(std::size_t k, std::int64_t first, std::size_t count);

  const PointwisePlan& plan_;
  DType compute_;
  std::size_t size_, block_;  // bytes of an element, and how many a block has
  Frame frame_;
  TileInput* inputs_;
  TileOutput* outputs_;
  bool asks_ahead_;
  bool is_one_tile_ = false;
  std::int64_t row_ = 0;  // elements of a row that is read or written in place; 0: there is none
};

}  // namespace wengert::kernels
