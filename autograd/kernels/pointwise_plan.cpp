#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/kernels/compiled_step.h>
#include <wengert/autograd/kernels/machine_code.h>
#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/pointwise_schedule.h>

namespace wengert::kernels {
namespace {

// All arrays together stay within a first-level cache of 32 KiB; a tile is worth its calls.
constexpr std::size_t cache_bytes = 28 * 1024;
constexpr std::size_t smallest_tile = 512;
constexpr std::size_t largest_tile = 4096;

std::size_t choose_tile_bytes(std::size_t arrays) {
  const std::size_t share = cache_bytes / std::max<std::size_t>(arrays, 1) / block_bytes * block_bytes;
  return std::clamp(share, smallest_tile, largest_tile);
}

// What an element costs to take from memory, or to bring there, in multiply-adds: from a cache that is not near.
constexpr double cost_of_memory = 8;

// Allots slots: finds the lives of values by a pass over the steps, places them by another (linear scan).
class Planner {
 public:
  Planner(PointwisePlan& plan, bool compiled)
      : plan_(plan),
        compiled_(compiled),
        program_(plan.program),
        leaves_(program_.leaves()),
        values_(leaves_ + program_.instructions.size()) {}

  /// False where code cannot be placed.
  bool run() {
    check();
    const PointwiseSchedule schedule = make_schedule();
    find_reads(schedule);
    place_inputs_and_outputs();
    place_uniform_values();
    place_results(schedule);
    find_clashes();
    plan_.tile_bytes = choose_tile_bytes(plan_.array_count());
    plan_.cost += cost_of_memory * static_cast<double>(program_.inputs + program_.outputs.size());
    return make_steps(schedule);
  }

 private:
  using Slot = PointwisePlan::Slot;
  using Place = compiled_step::Place;
  static constexpr std::size_t never = ~std::size_t{0};
  static constexpr Slot nowhere = ~Slot{0};

  struct Value {
    std::size_t last_step = never;           // that reads it
    std::size_t last_load = 0, written = 0;  // how many instructions before: it stays in a register for a step
    Slot slot = nowhere;
    bool is_register = false;
  };

  std::size_t instruction_count() const { return program_.instructions.size(); }
  Value& result(std::size_t instruction) { return values_[leaves_ + instruction]; }

  void check() const {
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      for_operands(instruction,
                   [&](std::size_t operand) { check_defined(operand, leaves_ + i, instruction.primitive); });
    }
    for (const std::size_t output : program_.outputs) check_defined(output, values_.size(), Primitive::constant);
  }
  static void check_defined(std::size_t value, std::size_t defined, Primitive reader) {
    if (value < defined) return;
    throw std::logic_error(fmt::format("pointwise program: {} reads value {}, but only {} are defined there",
                                       reader == Primitive::constant ? "an output" : name_of(reader), value, defined));
  }

  PointwiseSchedule make_schedule() {
    is_wanted_ = needed_values(program_);
    is_uniform_.resize(values_.size());
    for (std::size_t i = program_.inputs; i < leaves_; ++i) is_uniform_[i] = 1;
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      bool is_uniform = true;
      for_operands(program_.instructions[i],
                   [&](std::size_t operand) { is_uniform = is_uniform && is_uniform_[operand] != 0; });
      is_uniform_[leaves_ + i] = is_uniform ? 1 : 0;
    }
    return {program_, is_uniform_, is_wanted_, compiled_};
  }

  void find_reads(const PointwiseSchedule& schedule) {
    std::size_t position = 0;
    for (std::size_t s = 0; s < schedule.steps(); ++s) {
      for (const std::uint16_t i : schedule.step(s)) {
        for_operands(program_.instructions[i], [&](std::size_t operand) {
          Value& value = values_[operand];
          if (value.last_step != s) value.last_load = position;
          value.last_step = s;
        });
        result(i).written = position++;
      }
    }
    for (const std::uint16_t output : program_.outputs) {
      values_[output].last_step = schedule.steps();
      values_[output].last_load = instruction_count() + 1;
    }
  }

  void place_inputs_and_outputs() {
    for (std::size_t i = 0; i < program_.inputs; ++i) values_[i].slot = next_slot_++;
    next_slot_ += static_cast<Slot>(program_.outputs.size());
  }

  void place_uniform_values() {
    const Slot first = next_slot_;
    for (std::size_t i = program_.inputs; i < leaves_; ++i) values_[i].slot = next_slot_++;
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      if (is_uniform_[leaves_ + i] == 0 || is_wanted_[leaves_ + i] == 0) continue;
      result(i).slot = next_slot_++;
      if (instruction.primitive == Primitive::constant) {
        plan_.constants.push_back({result(i).slot, instruction.value});
      } else {
        plan_.once.push_back(step_of(i));
      }
    }
    plan_.blocks = next_slot_ - first;
  }

  void place_results(const PointwiseSchedule& schedule) {
    place_results_of_outputs();
    const Slot first = next_slot_;
    for (std::size_t s = 0; s < schedule.steps(); ++s) {
      const auto step = schedule.step(s);
      const auto release_operands = [&] {
        for (const std::uint16_t i : step)
          for_operands(program_.instructions[i], [&](std::size_t operand) { release(values_[operand], s); });
      };
      // A result may take the place of an operand that is read here for the last time, unless something else is
      // computed before that is read.
      if (step.size() == 1) release_operands();
      for (const std::uint16_t i : step) {
        Value& value = result(i);
        plan_.cost += cost_of(program_.instructions[i].primitive);
        if (value.slot != nowhere || value.last_step == s) continue;
        value.slot = take_register();
        value.is_register = true;
      }
      if (step.size() > 1) release_operands();
    }
    plan_.registers = next_slot_ - first;
    for (std::size_t k = 0; k < program_.outputs.size(); ++k) plan_.outputs[k].slot = values_[program_.outputs[k]].slot;
  }

  // The first output that names the result of an instruction has it computed in its own slot.
  void place_results_of_outputs() {
    for (std::size_t k = 0; k < program_.outputs.size(); ++k) {
      Value& value = values_[program_.outputs[k]];
      const bool is_direct = value.slot == nowhere;
      if (is_direct) value.slot = static_cast<Slot>(program_.inputs + k);
      plan_.outputs.push_back({.is_direct = is_direct});
    }
  }

  void find_clashes() {
    for (std::size_t i = 0; i < program_.inputs; ++i) {
      for (std::size_t k = 0; k < program_.outputs.size(); ++k) {
        const bool is_direct = plan_.outputs[k].is_direct;
        const std::size_t written = is_direct ? values_[program_.outputs[k]].written : instruction_count();
        if (values_[i].last_load > written) plan_.clashes.push_back({i, k});
      }
    }
  }

  void release(Value& operand, std::size_t step) {
    if (!operand.is_register || operand.last_step != step) return;
    free_registers_.push_back(operand.slot);
    operand.is_register = false;
  }

  Slot take_register() {
    if (free_registers_.empty()) return next_slot_++;
    const Slot slot = free_registers_.back();
    free_registers_.pop_back();
    return slot;
  }

  static std::uint32_t bytes_to(Slot slot) { return slot * static_cast<std::uint32_t>(sizeof(Operand)); }

  bool make_steps(const PointwiseSchedule& schedule) {
    std::vector<Place> places;
    for (std::size_t s = 0; s < schedule.steps(); ++s) {
      const auto step = schedule.step(s);
      if (step.size() == 1) {
        plan_.steps.push_back(step_of(step[0]));
        continue;
      }
      if (places.empty()) places = all_places();
      const PrimitiveFunction f32 = compile(step, places, false), f64 = compile(step, places, true);
      if (f32 == nullptr || f64 == nullptr) return false;
      plan_.steps.push_back({{f32, f64}});
    }
    return true;
  }

  std::vector<Place> all_places() const {
    std::vector<Place> places(values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i].slot == nowhere) continue;
      const Place::Kind kind = is_uniform_[i]        ? Place::Kind::uniform
                               : i < program_.inputs ? Place::Kind::input
                                                     : Place::Kind::array;
      places[i] = {kind, bytes_to(values_[i].slot)};
    }
    return places;
  }

  PrimitiveFunction compile(std::span<const std::uint16_t> step, std::span<const Place> places, bool is_f64) {
    const auto code = plan_.code.emplace_back(place_code(compiled_step::compile(program_, step, places, is_f64)));
    return reinterpret_cast<PrimitiveFunction>(code.get());
  }

  PointwisePlan::Step step_of(std::size_t i) {
    const Instruction& instruction = program_.instructions[i];
    std::array<Slot, 3> slots = {};
    std::size_t count = 0;
    for_operands(instruction, [&](std::size_t operand) { slots[count++] = bytes_to(values_[operand].slot); });
    PointwisePlan::Step step{.a = slots[0], .b = slots[1], .c = slots[2], .out = bytes_to(result(i).slot)};
    step.functions[0] = find_primitive(instruction.primitive, plan_.is_floating ? DType::f32 : DType::i32);
    step.functions[1] = find_primitive(instruction.primitive, plan_.is_floating ? DType::f64 : DType::i64);
    if (step.functions[0] == nullptr) plan_.missing = name_of(instruction.primitive);
    return step;
  }

  PointwisePlan& plan_;
  bool compiled_;
  const Program& program_;
  std::size_t leaves_;  // inputs and uniforms
  std::vector<Value> values_;
  Flags is_wanted_, is_uniform_;  // by value
  std::vector<Slot> free_registers_;
  Slot next_slot_ = 0;
};

void find_known_blocks(PointwisePlan& plan, DType compute) {
  auto& known = plan.known_blocks[width_of(compute)];
  known.resize(plan.blocks * block_bytes);
  std::vector<Operand> slots(plan.slot_count());
  for (std::size_t i = 0; i < plan.blocks; ++i) slots[plan.first_block() + i] = {known.data() + i * block_bytes, 0};
  plan.fill_blocks(compute, {}, slots.data());
}

}  // namespace

PointwisePlan::PointwisePlan(Program to_plan, bool is_on_floating, NativePointwise given)
    : PointwisePlan(Unplanned(), std::move(to_plan), is_on_floating, given) {
  const bool compiled = is_floating && !native.is_given() && compiled_step::is_possible();
  if (!Planner(*this, compiled).run()) {
    *this = PointwisePlan(Unplanned(), std::move(program), is_floating, native);
    Planner(*this, false).run();
  }
  if (program.uniforms == 0 && missing == nullptr) {
    find_known_blocks(*this, is_floating ? DType::f32 : DType::i32);
    find_known_blocks(*this, is_floating ? DType::f64 : DType::i64);
  }
  are_direct = std::all_of(outputs.begin(), outputs.end(), [](const Output& o) { return o.is_direct; });
  if (native.is_given() && (!are_direct || outputs.size() > most_native_outputs))
    throw std::logic_error("pointwise program: native code needs up to 8 outputs, each of an instruction of its own");
}

void PointwisePlan::fill_blocks(DType compute, std::span<const double> uniforms, const Operand* slots) const {
  const std::size_t block = block_bytes / size_of(compute);
  const CopyRun copy = find_copy_run(DType::f64, compute);
  const auto set = [&](std::size_t slot, double value) {
    const double nearest = is_floating ? value : std::nearbyint(value);
    copy(&nearest, 0, block, const_cast<void*>(slots[slot].data));
  };
  for (std::size_t i = 0; i < uniforms.size(); ++i) set(first_block() + i, uniforms[i]);
  for (const Constant& constant : constants) set(constant.slot, constant.value);
  for (const Step& step : once) step.run(compute, slots, block);
}

}  // namespace wengert::kernels
