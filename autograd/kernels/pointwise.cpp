#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

using Plan = PointwisePlan;

// Memory of a run that fits here is taken from the stack; only programs of hundreds of values need more.
constexpr std::size_t stack_bytes = 48 * 1024;

constexpr std::size_t index_of(DType compute) {
  switch (compute) {
    case DType::f32: return 0;
    case DType::f64: return 1;
    case DType::i32: return 2;
    default: return 3;
  }
}

struct Input {
  InputReader reader;
  bool is_in_place;
};
static_assert(std::is_trivially_destructible_v<Input>);

struct Output {
  std::byte* data;
  DType dtype;
  bool is_kept;        // otherwise there is room for one piece
  std::int64_t size;   // of an element
  std::int64_t first;  // the element that stands at the beginning

  std::byte* at(std::int64_t element) const { return data + (element - first) * size; }
};

// The memory of one run: arrays have room for a block beyond the tile, which InputReader asks for; this also keeps
// them from falling on the same lines of the cache.
constexpr std::size_t whole_blocks(std::size_t bytes) { return (bytes + block_bytes - 1) / block_bytes * block_bytes; }
std::size_t array_bytes(const Plan& plan) { return plan.tile_bytes + block_bytes; }
std::size_t scratch_bytes(const Plan& plan) {
  const std::size_t arrays = plan.array_count();
  return whole_blocks(arrays * array_bytes(plan) + plan.blocks * block_bytes +
                      (arrays + plan.blocks) * sizeof(Operand) + plan.program.inputs * sizeof(Input) +
                      plan.outputs.size() * sizeof(Output));
}

// … and beyond it, for a piece of each output that is not kept.
std::size_t room_bytes(DType dtype, std::int64_t piece) {
  return whole_blocks(static_cast<std::size_t>(piece) * size_of(dtype));
}
std::size_t room_bytes(std::span<const PointwiseOutput> outputs, std::int64_t piece) {
  std::size_t bytes = 0;
  for (const PointwiseOutput& output : outputs) bytes += output.data == nullptr ? room_bytes(output.dtype, piece) : 0;
  return bytes;
}

// Outputs that are not kept are placed one behind the other.
void place_outputs(std::span<const PointwiseOutput> given, std::int64_t piece, std::byte* room, Output* outputs) {
  for (std::size_t k = 0; k < given.size(); ++k) {
    const bool is_kept = given[k].data != nullptr;
    auto* const data = is_kept ? static_cast<std::byte*>(given[k].data) : room;
    new (&outputs[k]) Output{data, given[k].dtype, is_kept, static_cast<std::int64_t>(size_of(given[k].dtype)), 0};
    if (!is_kept) room += room_bytes(given[k].dtype, piece);
  }
}

// The reductions of a run, if any: all of them take the results in pieces of one size.
class Reductions {
 public:
  explicit Reductions(std::span<const PointwiseReduction> given)
      : given_(given),
        all_(given.size()),
        piece_(given.empty() ? 0 : PiecewiseReduction::piece_elements(given[0].array)) {
    for (std::size_t i = 0; i < given.size(); ++i) new (all_.at(i)) PiecewiseReduction(given[i].array, given[i].data);
  }
  ~Reductions() { std::destroy_n(all_.at(0), given_.size()); }
  Reductions(const Reductions&) = delete;
  Reductions& operator=(const Reductions&) = delete;

  /// Of a range of so many elements: all of it where nothing is reduced.
  std::int64_t piece_of(std::int64_t range) const { return piece_ > 0 ? std::min(piece_, range) : range; }

  void add(const Output* outputs, std::int64_t first, std::int64_t count) const {
    for (std::size_t i = 0; i < given_.size(); ++i) all_.at(i)->add(outputs[given_[i].output].at(first), first, count);
  }
  void finish() const {
    for (std::size_t i = 0; i < given_.size(); ++i) all_.at(i)->finish();
  }

 private:
  std::span<const PointwiseReduction> given_;
  PoolArray<PiecewiseReduction> all_;
  std::int64_t piece_;
};

// One run in compute type T.
template <typename T>
class Run {
 public:
  Run(const Plan& plan, std::span<const PointwiseInput> inputs, std::span<const PointwiseOutput> outputs,
      std::span<const std::int64_t> shape, std::int64_t piece, std::byte* scratch)
      : plan_(plan), native_(plan.native_code(dtype_of<T>)), scratch_(scratch) {
    const std::size_t arrays = plan.array_count();
    std::byte* const tables = scratch + arrays * array_bytes(plan) + plan.blocks * block_bytes;
    slots_ = new (tables) Operand[arrays + plan.blocks];
    inputs_ = reinterpret_cast<Input*>(tables + (arrays + plan.blocks) * sizeof(Operand));
    outputs_ = reinterpret_cast<Output*>(inputs_ + inputs.size());
    place_slots();
    place_outputs(outputs, piece, scratch + scratch_bytes(plan), outputs_);
    for (std::size_t i = 0; i < inputs.size(); ++i) prepare_input(i, inputs[i], shape);
  }

  void set_uniforms(std::span<const double> uniforms) {
    const std::size_t first_block = plan_.program.inputs + plan_.outputs.size();
    for (std::size_t i = 0; i < uniforms.size(); ++i) set_block(first_block + i, uniforms[i]);
    for (const Plan::Constant& constant : plan_.constants) set_block(constant.slot, constant.value);
    for (const Plan::Step& step : plan_.once) call(step, block);
  }

  // In tiles of nearly the same size.
  void run(std::int64_t begin, std::int64_t end) {
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (!outputs_[k].is_kept) outputs_[k].first = begin;
    }
    constexpr auto step = static_cast<std::int64_t>(block);
    const auto largest = static_cast<std::int64_t>(plan_.tile_bytes / sizeof(T));
    const std::int64_t tiles = (end - begin + largest - 1) / largest;
    const std::int64_t tile = tiles == 1 ? end - begin : ((end - begin + tiles - 1) / tiles + step - 1) / step * step;
    for (std::int64_t first = begin; first < end; first += tile) {
      run_tile(first, static_cast<std::size_t>(std::min(tile, end - first)));
    }
  }

  const Output* outputs() const { return outputs_; }

 private:
  static constexpr std::size_t block = block_bytes / sizeof(T);

  std::byte* array(std::size_t number) const { return scratch_ + number * array_bytes(plan_); }
  std::size_t output_slot(std::size_t k) const { return plan_.program.inputs + k; }

  // See PointwisePlan for the order.
  void place_slots() {
    const std::size_t first_block = plan_.program.inputs + plan_.outputs.size();
    const std::size_t first_register = first_block + plan_.blocks;
    std::byte* const blocks = array(plan_.array_count());
    for (std::size_t i = 0; i < plan_.outputs.size(); ++i) slots_[output_slot(i)].data = array(output_slot(i));
    for (std::size_t i = 0; i < plan_.blocks; ++i) slots_[first_block + i] = {blocks + i * block_bytes, 0};
    for (std::size_t i = 0; i < plan_.registers; ++i) slots_[first_register + i].data = array(first_block + i);
  }

  void prepare_input(std::size_t i, const PointwiseInput& given, std::span<const std::int64_t> shape) {
    Input& input = *new (&inputs_[i]) Input{InputReader(given, shape), false};
    slots_[i].data = array(i);
    if (input.reader.is_single()) {
      input.reader.read(0, block, reinterpret_cast<T*>(array(i)));
      slots_[i].mask = 0;
      return;
    }
    input.is_in_place = given.dtype == dtype_of<T> && input.reader.is_contiguous();
    // The result may be written over the input, but not before it was read for the last time.
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (outputs_[k].data == given.data && plan_.outputs[k].written < plan_.last_reads[i]) input.is_in_place = false;
    }
  }

  void set_block(std::size_t slot, double value) {
    std::fill_n(static_cast<T*>(const_cast<void*>(slots_[slot].data)), block, round_to<T>(value));
  }

  void call(const Plan::Step& step, std::size_t count) {
    // Slots that steps write to were placed on memory of our own, or that of an output.
    void* const out = const_cast<void*>(slots_[step.out].data);
    step.functions[index_of(dtype_of<T>)](slots_[step.a], slots_[step.b], slots_[step.c], out, count);
  }

  // Primitives work on whole blocks: what ends within one is read and written by way of our own arrays.
  void run_tile(std::int64_t first, std::size_t count) {
    const bool is_whole = count % block == 0;
    for (std::size_t i = 0; i < plan_.program.inputs; ++i) read(i, first, count, is_whole);
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (is_direct(k)) slots_[output_slot(k)].data = is_whole ? outputs_[k].at(first) : array(output_slot(k));
    }
    if (native_ != nullptr) {
      run_native(count);
    } else {
      for (const Plan::Step& step : plan_.steps) call(step, count);
    }
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) {
      if (is_whole && is_direct(k)) continue;
      write_elements<T>(slots_[plan_.outputs[k].slot], outputs_[k].dtype, outputs_[k].at(first), 0, count);
    }
  }

  void run_native(std::size_t count) const {
    std::array<void*, most_native_outputs> outputs;
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) outputs[k] = const_cast<void*>(slots_[output_slot(k)].data);
    native_(slots_, slots_ + plan_.program.inputs + plan_.outputs.size(), outputs.data(), count);
  }

  bool is_direct(std::size_t k) const { return plan_.outputs[k].is_direct && outputs_[k].dtype == dtype_of<T>; }

  void read(std::size_t i, std::int64_t first, std::size_t count, bool is_whole) {
    const Input& input = inputs_[i];
    if (slots_[i].mask == 0) return;
    if (input.is_in_place && is_whole) {
      slots_[i].data = static_cast<const T*>(input.reader.data()) + first;
    } else {
      input.reader.read(first, count, reinterpret_cast<T*>(array(i)));
      slots_[i].data = array(i);
    }
  }

  const Plan& plan_;
  PointwiseCode native_;
  std::byte* scratch_;
  Operand* slots_;
  Input* inputs_;
  Output* outputs_;
};

// The elements begin … end−1 of the result, in memory of this thread's own; piece by piece where they are reduced.
template <typename T>
void run_range(const Plan& plan, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
               std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape,
               const Reductions& reductions, std::int64_t begin, std::int64_t end) {
  const std::int64_t piece = reductions.piece_of(end - begin);
  const std::size_t needed = scratch_bytes(plan) + room_bytes(outputs, piece);
  alignas(block_bytes) std::byte stack[stack_bytes];
  const PoolArray<std::byte> pool(needed > stack_bytes ? needed : 0);
  Run<T> run(plan, inputs, outputs, shape, piece, needed > stack_bytes ? pool.at(0) : stack);
  run.set_uniforms(uniforms);
  for (std::int64_t first = begin; first < end; first += piece) {
    const std::int64_t count = std::min(piece, end - first);
    run.run(first, first + count);
    reductions.add(run.outputs(), first, count);
  }
}

void check(const Plan& plan, DType compute, std::size_t inputs, std::size_t uniforms, std::size_t outputs) {
  const Program& program = plan.program;
  if (inputs != program.inputs || uniforms != program.uniforms || outputs != program.outputs.size()) {
    throw std::logic_error(
        fmt::format("pointwise program: run with {} inputs, {} uniforms and {} outputs, has {}, {} and {}", inputs,
                    uniforms, outputs, program.inputs, program.uniforms, program.outputs.size()));
  }
  const bool is_computed = compute != DType::u8 && compute != DType::boolean;
  const char* const missing = is_computed ? plan.missing[index_of(compute)] : "arithmetic";
  if (missing != nullptr) {
    throw std::logic_error(fmt::format("pointwise program: there is no {} in {}", missing, name_of(compute)));
  }
}

}  // namespace

struct PointwiseKernel::Plan : PointwisePlan {
  using PointwisePlan::PointwisePlan;
};

PointwiseKernel::PointwiseKernel(Program program, NativePointwise native)
    : plan_(std::make_unique<const Plan>(std::move(program), native)) {}
PointwiseKernel::~PointwiseKernel() = default;
PointwiseKernel::PointwiseKernel(PointwiseKernel&&) noexcept = default;
PointwiseKernel& PointwiseKernel::operator=(PointwiseKernel&&) noexcept = default;

const Program& PointwiseKernel::program() const { return plan_->program; }
bool PointwiseKernel::is_native() const { return plan_->native.is_given(); }

void PointwiseKernel::run(DType compute, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
                          std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape,
                          std::span<const PointwiseReduction> reductions) const {
  check(*plan_, compute, inputs.size(), uniforms.size(), outputs.size());
  if (shape.size() > 8) throw std::logic_error("pointwise program: run over more than 8 axes");
  std::int64_t total = 1;
  for (const std::int64_t size : shape) total *= size;
  if (total == 0) return;

  const Reductions all(reductions);
  dispatch(compute, [&]<typename T>(T) {
    if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::uint8_t>) {
      const auto tile = static_cast<std::int64_t>(plan_->tile_bytes / sizeof(T));
      const std::int64_t step = reductions.empty() ? tile : all.piece_of(total);
      parallel_ranges(total, step, work_of<T>(plan_->cost, total), [&](std::int64_t begin, std::int64_t end) {
        run_range<T>(*plan_, inputs, uniforms, outputs, shape, all, begin, end);
      });
    }
  });
  all.finish();
}

}  // namespace wengert::kernels
