#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/pointwise_frame.h>
#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/pointwise_tiles.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/room.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

// Memory of a run that fits here is taken from the stack; only programs of hundreds of values need more.
constexpr std::size_t stack_bytes = 48 * 1024;

// Memory of a run, of this thread's own.
using Scratch = Room<std::byte, stack_bytes, block_bytes>;

// The reductions of a run, if any: all of them take the results in pieces of one size.
class Reductions {
 public:
  explicit Reductions(std::span<const PointwiseReduction> given)
      : given_(given), piece_(given.empty() ? 0 : PiecewiseReduction::piece_elements(given[0].array)) {
    all_.reserve(given.size());
    for (const PointwiseReduction& reduction : given) all_.emplace_back(reduction.array, reduction.data);
  }

  /// Of a range of so many elements: all of it where nothing is reduced.
  std::int64_t piece_of(std::int64_t range) const { return piece_ > 0 ? std::min(piece_, range) : range; }

  void add(const TileOutput* outputs, std::int64_t first, std::int64_t count) const {
    for (std::size_t i = 0; i < all_.size(); ++i) all_[i].add(outputs[given_[i].output].at(first), first, count);
  }
  void finish() const {
    for (const PiecewiseReduction& reduction : all_) reduction.finish();
  }

 private:
  std::span<const PointwiseReduction> given_;
  PoolVector<PiecewiseReduction> all_;
  std::int64_t piece_;
};

// Next to a tiny call everything shows: this does nothing that it need not. The slots of inputs are set to where they
// stand, with mask 0 where that is one element, those of outputs to where results are to stand.
template <typename T>
void run_slots(const PointwisePlan& plan, std::span<const double> uniforms, std::size_t count, std::byte* scratch,
               Operand* slots) {
  const Frame frame(plan, dtype_of<T>, uniforms, scratch, whole_blocks(count * sizeof(T)), slots);
  for (std::size_t i = 0; i < plan.program.inputs; ++i) {
    if (slots[i].mask != 0) continue;
    std::fill_n(reinterpret_cast<T*>(frame.room(i)), block_elements<T>, *static_cast<const T*>(slots[i].data));
    slots[i].data = frame.room(i);
  }
  for (const auto& [i, k] : plan.clashes) {
    if (slots[i].data != frame.output(k).data) continue;
    std::memcpy(frame.room(i), slots[i].data, count * sizeof(T));
    slots[i].data = frame.room(i);
  }
  frame.run(count);
}

// The elements begin … end−1 of the result, in pieces where they are reduced; before the first piece of each block of a
// source, if there is one, that is made. For a sink they are a block, which is taken at last.
void run_range(const PointwiseRun& run, const Reductions& reductions, std::int64_t begin, std::int64_t end) {
  const PointwiseMaker* const maker = run.source != nullptr ? &run.source->maker : nullptr;
  const std::int64_t block = maker != nullptr ? maker->block : end - begin;
  const std::int64_t piece = reductions.piece_of(block);
  const PoolArray<std::byte> made(maker != nullptr ? room_bytes(run.inputs[maker->input].dtype, block) : 0);
  const ScratchLayout layout(run.plan);
  Scratch scratch(layout.pieces + room_bytes(run.outputs, piece));
  TiledRun tiles(run, layout, piece, piece < end - begin, scratch.data());
  const PointwiseTaker* const taker = run.sink != nullptr ? &run.sink->taker : nullptr;
  const PoolArray<std::byte> taken(taker != nullptr ? room_bytes(run.outputs[taker->output].dtype, end - begin) : 0);
  if (taker != nullptr) tiles.show_output(taker->output, taken.at(0), begin);
  for (std::int64_t first = begin; first < end; first += piece) {
    const std::int64_t count = std::min(piece, end - first);
    if (maker != nullptr && (first - begin) % block == 0) {
      maker->make(run.source->from, first, std::min(block, end - first), made.at(0));
      tiles.show_input(maker->input, made.at(0), first);
    }
    tiles.run(first, first + count);
    reductions.add(tiles.outputs(), first, count);
  }
  if (taker != nullptr) taker->take(run.sink->from, begin, end - begin, taken.at(0), run.sink->room);
}

// For a sink: block by block, one of each matrix after the other, as what is read with them may be the same.
void run_blocks(const PointwiseRun& run, const Reductions& reductions, std::int64_t total, double work) {
  const PointwiseTaker& taker = run.sink->taker;
  const std::int64_t matrices = total / taker.matrix, blocks = (taker.matrix + taker.block - 1) / taker.block;
  parallel_ranges(matrices * blocks, 1, work + taker.work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t number = begin; number < end; ++number) {
      const std::int64_t of_matrix = number % matrices * taker.matrix, first = number / matrices * taker.block;
      run_range(run, reductions, of_matrix + first, of_matrix + std::min(first + taker.block, taker.matrix));
    }
  });
}

void check(const PointwisePlan& plan, DType compute, std::size_t inputs, std::size_t uniforms, std::size_t outputs) {
  const Program& program = plan.program;
  if (inputs != program.inputs || uniforms != program.uniforms || outputs != program.outputs.size()) {
    throw std::logic_error(
        fmt::format("pointwise program: run with {} inputs, {} uniforms and {} outputs, has {}, {} and {}", inputs,
                    uniforms, outputs, program.inputs, program.uniforms, program.outputs.size()));
  }
  const bool is_computed = compute != DType::u8 && compute != DType::boolean;
  const char* const missing = is_computed ? plan.missing : "arithmetic";
  if (missing != nullptr) {
    throw std::logic_error(fmt::format("pointwise program: there is no {} in {}", missing, name_of(compute)));
  }
}

}  // namespace

// On floating numbers, and on integers.
struct PointwiseKernel::Plans {
  Plans(Program program, NativePointwise native) : floating(std::move(program), true, native) {}

  const PointwisePlan& of(DType compute) {
    if (is_floating(compute)) return floating;
    std::call_once(once, [this] { integer.emplace(floating.program, false); });
    return *integer;
  }

  const PointwisePlan floating;
  std::once_flag once;
  std::optional<const PointwisePlan> integer;  // made when it is first asked for
};

PointwiseKernel::PointwiseKernel(Program program, NativePointwise native)
    : plans_(std::make_unique<Plans>(std::move(program), native)) {}
PointwiseKernel::~PointwiseKernel() = default;
PointwiseKernel::PointwiseKernel(PointwiseKernel&&) noexcept = default;
PointwiseKernel& PointwiseKernel::operator=(PointwiseKernel&&) noexcept = default;

const Program& PointwiseKernel::program() const { return plans_->floating.program; }
bool PointwiseKernel::is_native() const { return plans_->floating.native.is_given(); }

std::int64_t PointwiseKernel::most_plain_elements(DType compute) const {
  const PointwisePlan& plan = plans_->of(compute);
  const bool can = plan.missing == nullptr && plan.are_direct && plan.slot_count() <= TileSlots::most &&
                   ScratchLayout(plan).pieces <= stack_bytes;
  return can ? plan.tile_elements(compute) : 0;
}

void PointwiseKernel::run_plain(DType compute, TileSlots& slots, std::span<const double> uniforms,
                                std::int64_t elements) const {
  alignas(block_bytes) std::byte scratch[stack_bytes];  // NOLINT(*-avoid-c-arrays): not to be cleared
  const auto count = static_cast<std::size_t>(elements);
  if (compute == DType::f32) return run_slots<float>(plans_->floating, uniforms, count, scratch, slots.first());
  if (compute == DType::f64) return run_slots<double>(plans_->floating, uniforms, count, scratch, slots.first());
  const PointwisePlan& plan = plans_->of(compute);
  compute == DType::i32 ? run_slots<std::int32_t>(plan, uniforms, count, scratch, slots.first())
                        : run_slots<std::int64_t>(plan, uniforms, count, scratch, slots.first());
}

void PointwiseKernel::run(DType compute, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
                          std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape,
                          std::span<const PointwiseReduction> reductions, const PointwiseSource* source,
                          const PointwiseSink* sink) const {
  const PointwisePlan& plan = plans_->of(compute);
  check(plan, compute, inputs.size(), uniforms.size(), outputs.size());
  if (shape.size() > 8) throw std::logic_error("pointwise program: run over more than 8 axes");
  const std::int64_t total = elements_of(shape);
  if (total == 0) return;
  const bool is_simple = shape.size() == 1 && reductions.empty() && source == nullptr && sink == nullptr;
  if (is_simple && are_plain(compute, total, inputs, outputs) && total <= most_plain_elements(compute)) {
    TileSlots slots;
    for (std::size_t i = 0; i < inputs.size(); ++i) slots.set(i, inputs[i].data, inputs[i].strides[0] != 0);
    for (std::size_t k = 0; k < outputs.size(); ++k) slots.set(inputs.size() + k, outputs[k].data);
    return run_plain(compute, slots, uniforms, total);
  }
  const PointwiseRun asked{plan, compute, inputs, uniforms, outputs, shape, reductions, source, sink};
  const Reductions all(reductions);
  const std::int64_t tile = plan.tile_elements(compute);
  const std::int64_t step = source != nullptr ? source->maker.block : reductions.empty() ? tile : all.piece_of(total);
  const double work = work_of(plan.cost, total, size_of(compute)) + (source != nullptr ? source->maker.work : 0);
  if (sink != nullptr) {
    run_blocks(asked, all, total, work);
  } else {
    parallel_ranges(total, step, work,
                    [&](std::int64_t begin, std::int64_t end) { run_range(asked, all, begin, end); });
  }
  all.finish();
}

void PointwiseKernel::run_part(DType compute, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
                               std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape,
                               std::int64_t first, std::int64_t count) const {
  const PointwisePlan& plan = plans_->floating;
  check(plan, compute, inputs.size(), uniforms.size(), outputs.size());
  run_range({plan, compute, inputs, uniforms, outputs, shape}, Reductions({}), first, first + count);
}

}  // namespace wengert::kernels
