#include <algorithm>
#include <new>

#include <wengert/autograd/kernels/pointwise_tiles.h>

namespace wengert::kernels {
namespace {

// Bytes of an array that no near cache holds.
constexpr std::size_t beyond_cache = std::size_t{8} << 20;

// Outputs that are not kept are placed one behind the other.
void place_outputs(std::span<const PointwiseOutput> given, std::int64_t piece, std::byte* room, TileOutput* outputs) {
  for (std::size_t k = 0; k < given.size(); ++k) {
    const bool is_kept = given[k].data != nullptr;
    auto* const data = is_kept ? static_cast<std::byte*>(given[k].data) : room;
    const auto size = static_cast<std::int64_t>(size_of(given[k].dtype));
    new (&outputs[k]) TileOutput{data, given[k].dtype, is_kept, size, 0, given[k].rows};
    if (!is_kept) room += room_bytes(given[k].dtype, piece);
  }
}

// Whether an output is written over the input before that was read for the last time.
bool is_overwritten(const PointwisePlan& plan, std::size_t i, const void* data,
                    std::span<const PointwiseOutput> outputs) {
  return std::any_of(plan.clashes.begin(), plan.clashes.end(), [&](const PointwisePlan::Clash& clash) {
    return clash.input == i && outputs[clash.output].data == data;
  });
}

}  // namespace

TiledRun::TiledRun(const PointwiseRun& run, const ScratchLayout& layout, std::int64_t piece, bool in_pieces,
                   std::byte* scratch)
    : plan_(run.plan),
      compute_(run.compute),
      size_(size_of(compute_)),
      block_(block_bytes / size_),
      frame_(plan_, compute_, run.uniforms, scratch, layout.array_bytes,
             reinterpret_cast<Operand*>(scratch + layout.slots)),
      inputs_(reinterpret_cast<TileInput*>(scratch + layout.inputs)),
      outputs_(reinterpret_cast<TileOutput*>(scratch + layout.outputs)),
      asks_ahead_(!is_native() && (in_pieces || plan_.steps.size() > 1) &&
                  static_cast<std::size_t>(elements_of(run.shape)) * size_ >= beyond_cache) {
  for (std::size_t k = 0; k < run.outputs.size(); ++k)
    new (&frame_.output(k)) Operand{frame_.room(plan_.program.inputs + k)};
  place_outputs(run.outputs, piece, scratch + layout.pieces, outputs_);
  for (std::size_t i = 0; i < run.inputs.size(); ++i) prepare_input(run, i);
  for (const PointwiseOutput& output : run.outputs) keep_rows_whole(output.rows.run);
  is_one_tile_ = (is_native() || plan_.steps.size() == 1) && are_in_place(elements_of(run.shape));
}

void TiledRun::prepare_input(const PointwiseRun& run, std::size_t i) {
  const PointwiseInput& given = run.inputs[i];
  TileInput& input = *new (&inputs_[i]) TileInput{InputReader(given, run.shape, compute_), false, 0};
  if (input.reader.is_single()) {
    input.reader.read(0, block_, frame_.room(i));
    frame_.input(i) = {frame_.room(i), 0};
    return;
  }
  frame_.input(i) = {};
  input.is_in_place =
      given.dtype == compute_ && input.reader.contiguous() > 0 && !is_overwritten(plan_, i, given.data, run.outputs);
  if (input.is_in_place && run.shape.size() > 1 && input.reader.is_in_rows())
    keep_rows_whole(input.reader.contiguous());
}

// No tile is to reach beyond long rows: then they need not be copied.
void TiledRun::keep_rows_whole(std::int64_t run) {
  if (row_ == 0 && PointwiseRows::are_long(static_cast<std::size_t>(run) * size_)) row_ = run;
}

// Whether all that is read and written stands where primitives can read and write it, but for the last elements.
bool TiledRun::are_in_place(std::int64_t elements) const {
  for (std::size_t i = 0; i < plan_.program.inputs; ++i) {
    const bool is_single = frame_.input(i).mask == 0;
    if (!is_single && !(inputs_[i].is_in_place && inputs_[i].reader.contiguous() == elements)) return false;
  }
  for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
    if (!outputs_[k].is_kept || !is_direct(k) || outputs_[k].rows.run != 0) return false;
  }
  return true;
}

void TiledRun::show_input(std::size_t i, const void* data, std::int64_t first) {
  inputs_[i].reader.set_data(data);
  inputs_[i].first = first;
  inputs_[i].held_count = 0;
}

void TiledRun::show_output(std::size_t k, std::byte* data, std::int64_t first) {
  outputs_[k].data = data;
  outputs_[k].is_kept = true;
  outputs_[k].first = first;
}

void TiledRun::run(std::int64_t begin, std::int64_t end) {
  for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
    if (!outputs_[k].is_kept) outputs_[k].first = begin;
  }
  if (row_ == 0) return run_tiles(begin, end);
  for (std::int64_t first = begin, last = 0; first < end; first = last) {
    last = std::min(end, (first / row_ + 1) * row_);
    run_tiles(first, last);
  }
}

// In tiles of nearly the same size. One loop over all has no intermediate results that a cache would have to hold.
void TiledRun::run_tiles(std::int64_t begin, std::int64_t end) {
  const auto step = static_cast<std::int64_t>(block_);
  if (is_one_tile_ && end - begin >= step) {
    const std::int64_t whole = (end - begin) / step * step;
    run_tile(begin, static_cast<std::size_t>(whole));
    begin += whole;
  }
  const std::int64_t largest = plan_.tile_elements(compute_);
  const std::int64_t tiles = (end - begin + largest - 1) / largest;
  const std::int64_t tile = tiles <= 1 ? end - begin : ((end - begin + tiles - 1) / tiles + step - 1) / step * step;
  for (std::int64_t first = begin; first < end; first += tile) {
    run_tile(first, static_cast<std::size_t>(std::min(tile, end - first)));
  }
}

// Primitives work on whole blocks: what ends within one is read and written by way of our own arrays.
void TiledRun::run_tile(std::int64_t first, std::size_t count) {
  for (std::size_t i = 0; i < plan_.program.inputs; ++i) read(i, first, count);
  for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
    if (!is_direct(k)) continue;
    std::byte* const room = frame_.room(plan_.program.inputs + k);
    frame_.output(k).data = is_in_order(k, first, count) ? outputs_[k].at(first) : room;
  }
  asks_ahead_ ? run_and_ask(count) : frame_.run(count);
  for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
    if (!is_direct(k) || !is_in_order(k, first, count)) write(k, first, count);
  }
}

// Before and after each step, asks for some of what the next tile reads and writes. Tiles are too short for the
// processor to foresee the next one; asked for all at once, it would keep the steps waiting. (Inlined, as g++ leaves
// out calls of what does nothing but ask.)
void TiledRun::run_and_ask(std::size_t count) {
  const std::size_t lines = count * size_ / block_bytes, steps = plan_.steps.size();
  for (std::size_t step = 0; step <= steps; ++step) {
    if (step > 0) frame_.run_step(plan_.steps[step - 1], count);
    const std::size_t begin = lines * step / (steps + 1), end = lines * (step + 1) / (steps + 1);
    const auto ask = [ =, bytes = count * size_ ](const void* data) __attribute__((always_inline)) {
      const std::byte* const next = static_cast<const std::byte*>(data) + bytes;
      for (std::size_t line = begin; line < end; ++line) __builtin_prefetch(next + line * block_bytes);
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
bool TiledRun::is_in_order(std::size_t k, std::int64_t first, std::size_t count) const {
  return is_whole(count) && outputs_[k].contiguous(first, count) == count;
}

void TiledRun::read(std::size_t i, std::int64_t first, std::size_t count) {
  TileInput& input = inputs_[i];
  if (frame_.input(i).mask == 0) return;
  first -= input.first;
  if (input.is_in_place && is_whole(count)) {
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

void TiledRun::write(std::size_t k, std::int64_t first, std::size_t count) {
  const TileOutput& output = outputs_[k];
  const Operand& from = frame_.result(k);
  const std::int64_t stride = from.mask != 0 ? 1 : 0;
  const auto* data = static_cast<const std::byte*>(from.data);
  const CopyRun copy = find_copy_run(compute_, output.dtype);
  for (std::size_t row = 0; count > 0; count -= row, first += static_cast<std::int64_t>(row)) {
    row = output.contiguous(first, count);
    copy(data, stride, row, output.at(first));
    if (stride != 0) data += row * size_;
  }
}

}  // namespace wengert::kernels
