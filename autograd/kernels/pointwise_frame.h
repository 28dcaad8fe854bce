#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels {

// What the steps of a plan work on, in compute type T: its slots, placed in scratch memory. Those of the inputs are set
// by whoever runs it.
template <typename T>
class Frame {
 public:
  Frame(const PointwisePlan& plan, std::span<const double> uniforms, std::byte* scratch, std::size_t bytes_of_array)
      : plan_(plan), scratch_(scratch), array_bytes_(bytes_of_array) {
    std::byte* const own_blocks = array(plan.array_count());
    slots_ = reinterpret_cast<Operand*>(own_blocks + plan.blocks * block_bytes);
    const auto& known = plan.known_blocks[index_of(dtype_of<T>)];
    const std::byte* block = known.empty() ? own_blocks : known.data();
    std::byte* room = array(plan.program.inputs);
    Operand* slot = slots_ + plan.program.inputs;
    Operand* const first_block = slots_ + plan.first_block();
    Operand* const first_register = first_block + plan.blocks;
    for (; slot != first_block; ++slot, room += array_bytes_) new (slot) Operand{room};
    for (; slot != first_register; ++slot, block += block_bytes) new (slot) Operand{block, 0};
    for (std::size_t i = 0; i < plan.registers; ++i, ++slot, room += array_bytes_) new (slot) Operand{room};
    if (known.empty()) plan.fill_blocks<T>(uniforms, slots_);
  }

  Operand& input(std::size_t i) const { return slots_[i]; }
  Operand& output(std::size_t k) const { return slots_[plan_.program.inputs + k]; }
  // Where an output's values stand after a run.
  const Operand& result(std::size_t k) const { return slots_[plan_.outputs[k].slot]; }
  // Beyond the slots.
  std::byte* rest() const { return reinterpret_cast<std::byte*>(slots_ + plan_.slot_count()); }
  // Room for a tile of an input, or an output.
  T* room(std::size_t slot) const { return reinterpret_cast<T*>(array(slot)); }

  void run(std::size_t count) const {
    if (const PointwiseCode native = plan_.native_code(dtype_of<T>)) return run_native(native, count);
    for (const PointwisePlan::Step& step : plan_.steps) step.run(dtype_of<T>, slots_, count);
  }

 private:
  std::byte* array(std::size_t number) const { return scratch_ + number * array_bytes_; }

  void run_native(PointwiseCode native, std::size_t count) const {
    std::array<void*, most_native_outputs> outputs;
    for (std::size_t k = 0; k < plan_.outputs.size(); ++k) outputs[k] = const_cast<void*>(output(k).data);
    native(slots_, slots_ + plan_.first_block(), outputs.data(), count);
  }

  const PointwisePlan& plan_;
  std::byte* scratch_;
  std::size_t array_bytes_;
  Operand* slots_;
};

}  // namespace wengert::kernels
