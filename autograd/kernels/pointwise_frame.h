#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels {

// What the steps of a plan work on: its slots, and memory that they show.
class Frame {
 public:
  // In scratch memory, an array of so many bytes for each slot of a tile, then the blocks. The caller has the slots,
  // and sets those of inputs and outputs.
  Frame(const PointwisePlan& plan, DType compute, std::span<const double> uniforms, std::byte* scratch,
        std::size_t array_bytes, Operand* slots)
      : plan_(plan), compute_(compute), scratch_(scratch), array_bytes_(array_bytes), slots_(slots) {
    fill(uniforms);
  }

  Operand& input(std::size_t i) const { return slots_[i]; }
  Operand& output(std::size_t k) const { return slots_[plan_.program.inputs + k]; }
  // Where an output's values stand after a run.
  const Operand& result(std::size_t k) const { return slots_[plan_.outputs[k].slot]; }
  // Room for a tile of an input, or an output.
  std::byte* room(std::size_t slot) const { return scratch_ + slot * array_bytes_; }

  void run(std::size_t count) const {
    if (const PointwiseCode native = plan_.native_code(compute_)) return run_native(native, count);
    for (const PointwisePlan::Step& step : plan_.steps) run_step(step, count);
  }
  void run_step(const PointwisePlan::Step& step, std::size_t count) const { step.run(compute_, slots_, count); }

 private:
  // Sets the slots of blocks and registers.
  void fill(std::span<const double> uniforms) {
    std::byte* memory = room(plan_.first_block());
    Operand* slot = slots_ + plan_.first_block() + plan_.blocks;
    for (std::size_t i = 0; i < plan_.registers; ++i, ++slot, memory += array_bytes_) new (slot) Operand{memory};
    if (plan_.blocks == 0) return;
    const auto& known = plan_.known_blocks[width_of(compute_)];
    const std::byte* block = known.empty() ? memory : known.data();
    slot = slots_ + plan_.first_block();
    for (std::size_t i = 0; i < plan_.blocks; ++i, ++slot, block += block_bytes) new (slot) Operand{block, 0};
    if (known.empty()) plan_.fill_blocks(compute_, uniforms, slots_);
  }

  void run_native(PointwiseCode native, std::size_t count) const {
    std::array<void*, most_native_outputs> outputs;
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) outputs[k] = const_cast<void*>(output(k).data);
    native(slots_, slots_ + plan_.first_block(), outputs.data(), count);
  }

  const PointwisePlan& plan_;
  DType compute_;
  std::byte* scratch_;
  std::size_t array_bytes_;
  Operand* slots_;
};

}  // namespace wengert::kernels
