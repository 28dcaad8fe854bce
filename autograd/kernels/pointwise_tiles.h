#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
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

// Bytes of an array that no near cache holds.
inline constexpr std::size_t beyond_cache = std::size_t{8} << 20;

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
  std::size_t run(std::int64_t element, std::size_t count) const {
    return rows.run == 0 ? count : std::min(count, static_cast<std::size_t>(rows.run - element % rows.run));
  }
};

// The memory of one run: a block beyond the tile keeps arrays from falling on the same lines of the cache.
inline std::size_t array_bytes(const PointwisePlan& plan) { return plan.tile_bytes + block_bytes; }
inline std::size_t scratch_bytes(const PointwisePlan& plan) {
  return whole_blocks(plan.array_count() * array_bytes(plan) + plan.blocks * block_bytes +
                      plan.slot_count() * sizeof(Operand) + plan.program.inputs * sizeof(TileInput) +
                      plan.outputs.size() * sizeof(TileOutput));
}

// … and beyond it, for a piece of each output that is not kept.
inline std::size_t room_bytes(DType dtype, std::int64_t piece) {
  return whole_blocks(static_cast<std::size_t>(piece) * size_of(dtype));
}
inline std::size_t room_bytes(std::span<const PointwiseOutput> outputs, std::int64_t piece) {
  std::size_t bytes = 0;
  for (const PointwiseOutput& output : outputs) bytes += output.data == nullptr ? room_bytes(output.dtype, piece) : 0;
  return bytes;
}

// Outputs that are not kept are placed one behind the other.
inline void place_outputs(std::span<const PointwiseOutput> given, std::int64_t piece, std::byte* room,
                          TileOutput* outputs) {
  for (std::size_t k = 0; k < given.size(); ++k) {
    const bool is_kept = given[k].data != nullptr;
    auto* const data = is_kept ? static_cast<std::byte*>(given[k].data) : room;
    const auto size = static_cast<std::int64_t>(size_of(given[k].dtype));
    new (&outputs[k]) TileOutput{data, given[k].dtype, is_kept, size, 0, given[k].rows};
    if (!is_kept) room += room_bytes(given[k].dtype, piece);
  }
}

template <typename T>
inline constexpr std::size_t block = block_bytes / sizeof(T);

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

// Whether an output is written over the input before that was read for the last time.
inline bool is_overwritten(const PointwisePlan& plan, std::size_t i, const void* data,
                           std::span<const PointwiseOutput> outputs) {
  return std::any_of(plan.clashes.begin(), plan.clashes.end(), [&](const PointwisePlan::Clash& clash) {
    return clash.input == i && outputs[clash.output].data == data;
  });
}

// One run in tiles, over any shape and dtypes.
template <typename T>
class TiledRun {
 public:
  TiledRun(const PointwisePlan& plan, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
           std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape, std::int64_t piece,
           bool in_pieces, std::byte* scratch)
      : plan_(plan),
        frame_(plan, uniforms, scratch, array_bytes(plan)),
        inputs_(reinterpret_cast<TileInput*>(frame_.rest())),
        outputs_(reinterpret_cast<TileOutput*>(inputs_ + inputs.size())),
        asks_ahead_(!is_native() && (in_pieces || plan.steps.size() > 1) &&
                    static_cast<std::size_t>(elements_of(shape)) * sizeof(T) >= beyond_cache) {
    place_outputs(outputs, piece, scratch + scratch_bytes(plan), outputs_);
    for (std::size_t i = 0; i < inputs.size(); ++i) prepare_input(i, inputs[i], shape, outputs);
    for (const PointwiseOutput& output : outputs) keep_rows_whole(output.rows.run);
    is_one_tile_ = (is_native() || plan.steps.size() == 1) && are_in_place(elements_of(shape));
  }

  void run(std::int64_t begin, std::int64_t end) {
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (!outputs_[k].is_kept) outputs_[k].first = begin;
    }
    if (row_ == 0) return run_tiles(begin, end);
    for (std::int64_t first = begin, last = 0; first < end; first = last) {
      last = std::min(end, (first / row_ + 1) * row_);
      run_tiles(first, last);
    }
  }

  const TileOutput* outputs() const { return outputs_; }
  // Tells where a part of an input is, and which element it begins with.
  void show_input(std::size_t i, const void* data, std::int64_t first) {
    inputs_[i].reader.set_data(data);
    inputs_[i].first = first;
    inputs_[i].held_count = 0;
  }

 private:
  bool is_native() const { return plan_.native_code(dtype_of<T>) != nullptr; }

  // In tiles of nearly the same size. One loop over all has no intermediate results that a cache would have to hold.
  void run_tiles(std::int64_t begin, std::int64_t end) {
    constexpr auto step = static_cast<std::int64_t>(block<T>);
    if (is_one_tile_ && end - begin >= step) {
      const std::int64_t whole = (end - begin) / step * step;
      run_tile(begin, static_cast<std::size_t>(whole));
      begin += whole;
    }
    const auto largest = static_cast<std::int64_t>(plan_.tile_bytes / sizeof(T));
    const std::int64_t tiles = (end - begin + largest - 1) / largest;
    const std::int64_t tile = tiles <= 1 ? end - begin : ((end - begin + tiles - 1) / tiles + step - 1) / step * step;
    for (std::int64_t first = begin; first < end; first += tile) {
      run_tile(first, static_cast<std::size_t>(std::min(tile, end - first)));
    }
  }

  // Whether all that is read and written stands where primitives can read and write it, but for the last elements.
  bool are_in_place(std::int64_t elements) const {
    for (std::size_t i = 0; i < plan_.program.inputs; ++i) {
      const bool is_single = frame_.input(i).mask == 0;
      if (!is_single && !(inputs_[i].is_in_place && inputs_[i].reader.run() == elements)) return false;
    }
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (!outputs_[k].is_kept || !is_direct(k) || outputs_[k].rows.run != 0) return false;
    }
    return true;
  }

  // No tile is to reach beyond long rows: then they need not be copied.
  void keep_rows_whole(std::int64_t run) {
    if (row_ == 0 && PointwiseRows::are_long(static_cast<std::size_t>(run) * sizeof(T))) row_ = run;
  }

  void prepare_input(std::size_t i, const PointwiseInput& given, std::span<const std::int64_t> shape,
                     std::span<const PointwiseOutput> outputs) {
    TileInput& input = *new (&inputs_[i]) TileInput{InputReader(given, shape, dtype_of<T>), false, 0};
    if (input.reader.is_single()) {
      input.reader.read(0, block<T>, frame_.room(i));
      frame_.input(i) = {frame_.room(i), 0};
      return;
    }
    frame_.input(i) = {};
    input.is_in_place =
        given.dtype == dtype_of<T> && input.reader.run() > 0 && !is_overwritten(plan_, i, given.data, outputs);
    if (input.is_in_place && shape.size() > 1 && input.reader.is_in_rows()) keep_rows_whole(input.reader.run());
  }

  // Primitives work on whole blocks: what ends within one is read and written by way of our own arrays.
  void run_tile(std::int64_t first, std::size_t count) {
    const bool is_whole = count % block<T> == 0;
    for (std::size_t i = 0; i < plan_.program.inputs; ++i) read(i, first, count, is_whole);
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (!is_direct(k)) continue;
      T* const room = frame_.room(plan_.program.inputs + k);
      frame_.output(k).data = is_in_order(k, first, count) ? reinterpret_cast<T*>(outputs_[k].at(first)) : room;
    }
    asks_ahead_ ? run_and_ask(count) : frame_.run(count);
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (!is_direct(k) || !is_in_order(k, first, count)) write(k, first, count);
    }
  }

  // Before and after each step, asks for some of what the next tile reads and writes. Tiles are too short for the
  // processor to foresee the next one; asked for all at once, it would keep the steps waiting. (Inlined, as g++ leaves
  // out calls of what does nothing but ask.)
  void run_and_ask(std::size_t count) {
    const std::size_t lines = count / block<T>, steps = plan_.steps.size();
    for (std::size_t step = 0; step <= steps; ++step) {
      if (step > 0) frame_.run_step(plan_.steps[step - 1], count);
      const std::size_t begin = lines * step / (steps + 1), end = lines * (step + 1) / (steps + 1);
      const auto ask = [=](const void* data) __attribute__((always_inline)) {
        const T* const next = static_cast<const T*>(data) + count;
        for (std::size_t line = begin; line < end; ++line) __builtin_prefetch(next + line * block<T>);
      };
      for (std::size_t i = 0; i < plan_.program.inputs; ++i) {
        if (inputs_[i].is_in_place) ask(frame_.input(i).data);
      }
      for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
        if (outputs_[k].is_kept && is_direct(k)) ask(frame_.output(k).data);
      }
    }
  }

  // Whole blocks that stand one after the other.
  bool is_in_order(std::size_t k, std::int64_t first, std::size_t count) const {
    return count % block<T> == 0 && outputs_[k].run(first, count) == count;
  }

  void write(std::size_t k, std::int64_t first, std::size_t count) {
    const TileOutput& output = outputs_[k];
    Operand from = frame_.result(k);
    const CopyRun copy = find_copy_run(dtype_of<T>, output.dtype);
    for (std::size_t run = 0; count > 0; count -= run, first += static_cast<std::int64_t>(run)) {
      run = output.run(first, count);
      copy(from.data, from.mask != 0 ? 1 : 0, run, output.at(first));
      if (from.mask != 0) from.data = static_cast<const T*>(from.data) + run;
    }
  }

  bool is_direct(std::size_t k) const { return plan_.outputs[k].is_direct && outputs_[k].dtype == dtype_of<T>; }

  void read(std::size_t i, std::int64_t first, std::size_t count, bool is_whole) {
    TileInput& input = inputs_[i];
    if (frame_.input(i).mask == 0) return;
    first -= input.first;
    if (input.is_in_place && is_whole) {
      if (const std::byte* const place = input.reader.place(first, count)) {
        frame_.input(i).data = place;
        return;
      }
    }
    frame_.input(i).data = frame_.room(i);
    if (count <= input.held_count && input.reader.repeats(input.held, first, count)) return;
    input.reader.read(first, count, frame_.room(i));
    input.held = first;
    input.held_count = count;
  }

  const PointwisePlan& plan_;
  Frame<T> frame_;
  TileInput* inputs_;
  TileOutput* outputs_;
  bool asks_ahead_;
  bool is_one_tile_ = false;
  std::int64_t row_ = 0;  // elements of a row that is read or written in place; 0: there is none
};

}  // namespace wengert::kernels
