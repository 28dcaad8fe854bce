#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/kernels/pointwise_plan.h>

namespace wengert::kernels {
namespace {

constexpr std::array compute_dtypes = {DType::f32, DType::f64, DType::i32, DType::i64};

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

struct PairDescription {
  Primitive first, second;
  bool is_right;
};

// In the order of the enumeration.
constexpr std::array<PairDescription, 8> pair_descriptions = {{
    {Primitive::add, Primitive::add, false},
    {Primitive::add, Primitive::mul, false},
    {Primitive::add, Primitive::div, true},
    {Primitive::sub, Primitive::mul, false},
    {Primitive::mul, Primitive::add, false},
    {Primitive::mul, Primitive::sub, false},
    {Primitive::mul, Primitive::mul, false},
    {Primitive::mul, Primitive::sub, true},
}};
static_assert(pair_descriptions.size() == static_cast<std::size_t>(PrimitivePair::mul_sub_from) + 1);

// Allots slots by one backward pass, which finds the lives of values, and two forward passes (linear scan).
class Planner {
 public:
  explicit Planner(PointwisePlan& plan)
      : plan_(plan),
        program_(plan.program),
        leaves_(std::size_t{program_.inputs} + program_.uniforms),
        values_(leaves_ + program_.instructions.size()),
        pairs_(program_.instructions.size()) {}

  void run() {
    check();
    count_reads();
    find_pairs();
    find_last_reads();
    place_inputs_and_outputs();
    place_uniform_values();
    place_registers();
    find_clashes();
    plan_.tile_bytes = choose_tile_bytes(plan_.array_count());
    plan_.cost += cost_of_memory * static_cast<double>(program_.inputs + program_.outputs.size());
  }

 private:
  using Slot = PointwisePlan::Slot;
  static constexpr std::size_t never = ~std::size_t{0};
  static constexpr Slot nowhere = ~Slot{0};

  struct Value {
    std::size_t last_read = never;
    Slot slot = nowhere;
    std::size_t reads = 0;
    bool is_output = false;
    bool is_uniform = false;
    bool is_register = false;
  };

  struct Pair {
    std::size_t first = never;  // the instruction that is done on the way
    bool is_right = false;      // its result is the second operand
    std::optional<PrimitivePair> code = {};
  };

  std::size_t instruction_count() const { return program_.instructions.size(); }
  Value& result(std::size_t instruction) { return values_[leaves_ + instruction]; }

  // Calls `f` with the number of each value that an instruction reads, or that and the one it is paired with.
  template <typename F>
  void for_operands(std::size_t i, F f) const {
    const Instruction& instruction = program_.instructions[i];
    if (pairs_[i].code) {
      const Instruction& first = program_.instructions[pairs_[i].first];
      f(first.a);
      f(first.b);
      f(pairs_[i].is_right ? instruction.a : instruction.b);
      return;
    }
    kernels::for_operands(instruction, f);
  }

  void count_reads() {
    for (std::size_t i = program_.inputs; i < leaves_; ++i) values_[i].is_uniform = true;
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      bool is_uniform = true;
      for_operands(i, [&](std::size_t operand) {
        ++values_[operand].reads;
        is_uniform &= values_[operand].is_uniform;
      });
      result(i).is_uniform = is_uniform;
    }
    for (const std::uint16_t output : program_.outputs) values_[output].is_output = true;
  }

  // An instruction takes over an earlier one whose result nobody else reads, where there is code for both at once.
  void find_pairs() {
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      if (result(i).is_uniform || arity(instruction.primitive) != 2) continue;
      for (const bool is_right : {false, true}) {
        const std::size_t operand = is_right ? instruction.b : instruction.a;
        const Value& value = values_[operand];
        if (operand < leaves_ || value.is_uniform || value.is_output || value.reads != 1) continue;
        const std::size_t first = operand - leaves_;
        if (pairs_[first].code || pairs_[i].code) continue;
        pairs_[i] = {first, is_right, pair_of(program_.instructions[first].primitive, instruction.primitive, is_right)};
      }
    }
  }

  void check() const {
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      for_operands(i, [&](std::size_t operand) { check_defined(operand, leaves_ + i, instruction.primitive); });
    }
    for (const std::size_t output : program_.outputs) check_defined(output, values_.size(), Primitive::constant);
  }
  static void check_defined(std::size_t value, std::size_t defined, Primitive reader) {
    if (value < defined) return;
    throw std::logic_error(fmt::format("pointwise program: {} reads value {}, but only {} are defined there",
                                       reader == Primitive::constant ? "an output" : name_of(reader), value, defined));
  }

  void find_last_reads() {
    for (const std::uint16_t output : program_.outputs) values_[output].last_read = instruction_count() + 1;
    for (std::size_t i = instruction_count(); i-- > 0;) {
      if (result(i).last_read == never) continue;
      for_operands(i, [&](std::size_t operand) {
        std::size_t& last_read = values_[operand].last_read;
        if (last_read == never) last_read = i;
      });
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
      Value& value = result(i);
      if (!value.is_uniform || value.last_read == never) continue;
      value.slot = next_slot_++;
      if (instruction.primitive == Primitive::constant) {
        plan_.constants.push_back({value.slot, instruction.value});
      } else {
        plan_.once.push_back(make_step(i, value.slot));
      }
    }
    plan_.blocks = next_slot_ - first;
  }

  void place_registers() {
    place_results_of_outputs();
    const Slot first = next_slot_;
    for (std::size_t i = 0; i < instruction_count(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      Value& value = result(i);
      if (value.is_uniform || value.last_read == never) continue;
      // A result may take the place of an operand that is read here for the last time.
      for_operands(i, [&](std::size_t operand) { release(values_[operand], i); });
      if (value.slot == nowhere) {
        value.slot = take_register();
        value.is_register = true;
      }
      plan_.steps.push_back(make_step(i, value.slot));
      plan_.cost += cost_of(instruction.primitive);
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
        const std::size_t written = plan_.outputs[k].is_direct ? program_.outputs[k] - leaves_ : instruction_count();
        if (values_[i].last_read != never && values_[i].last_read > written) plan_.clashes.push_back({i, k});
      }
    }
  }

  void release(Value& operand, std::size_t instruction) {
    if (!operand.is_register || operand.last_read != instruction) return;
    free_registers_.push_back(operand.slot);
    operand.is_register = false;
  }

  Slot take_register() {
    if (free_registers_.empty()) return next_slot_++;
    const Slot slot = free_registers_.back();
    free_registers_.pop_back();
    return slot;
  }

  PointwisePlan::Step make_step(std::size_t i, Slot out) {
    const Instruction& instruction = program_.instructions[i];
    std::array<Slot, 3> slots = {};
    std::size_t count = 0;
    constexpr auto size = static_cast<Slot>(sizeof(Operand));
    for_operands(i, [&](std::size_t operand) { slots[count++] = values_[operand].slot * size; });
    PointwisePlan::Step step{.a = slots[0], .b = slots[1], .c = slots[2], .out = out * size};
    for (std::size_t k = 0; k < compute_dtypes.size(); ++k) {
      step.functions[k] = pairs_[i].code ? find_primitive(*pairs_[i].code, compute_dtypes[k])
                                         : find_primitive(instruction.primitive, compute_dtypes[k]);
      if (step.functions[k] == nullptr) plan_.missing[k] = name_of(instruction.primitive);
    }
    return step;
  }

  PointwisePlan& plan_;
  const Program& program_;
  std::size_t leaves_;  // inputs and uniforms
  std::vector<Value> values_;
  std::vector<Pair> pairs_;
  std::vector<Slot> free_registers_;
  Slot next_slot_ = 0;
};

template <typename T>
void find_known_blocks(PointwisePlan& plan) {
  const std::size_t type = index_of(dtype_of<T>);
  if (plan.missing[type] != nullptr) return;
  auto& known = plan.known_blocks[type];
  known.resize(plan.blocks * block_bytes);
  std::vector<Operand> slots(plan.array_count() + plan.blocks);
  for (std::size_t i = 0; i < plan.blocks; ++i) slots[plan.first_block() + i] = {known.data() + i * block_bytes, 0};
  plan.fill_blocks<T>({}, slots.data());
}

}  // namespace

double cost_of(Primitive primitive) {
  if (primitive == Primitive::constant) return 0;
  return primitive >= Primitive::exp && primitive <= Primitive::hypot ? 50 : 4;
}

std::optional<PrimitivePair> pair_of(Primitive first, Primitive second, bool is_right) {
  for (std::size_t i = 0; i < pair_descriptions.size(); ++i) {
    const PairDescription& pair = pair_descriptions[i];
    if (pair.first == first && pair.second == second && pair.is_right == is_right) return static_cast<PrimitivePair>(i);
  }
  return std::nullopt;
}

PointwisePlan::PointwisePlan(Program to_plan, NativePointwise code) : program(std::move(to_plan)), native(code) {
  Planner(*this).run();
  if (program.uniforms == 0) {
    find_known_blocks<float>(*this);
    find_known_blocks<double>(*this);
    find_known_blocks<std::int32_t>(*this);
    find_known_blocks<std::int64_t>(*this);
  }
  are_direct = std::all_of(outputs.begin(), outputs.end(), [](const Output& o) { return o.is_direct; });
  if (native.is_given() && (!are_direct || outputs.size() > most_native_outputs))
    throw std::logic_error("pointwise program: native code needs up to 8 outputs, each of an instruction of its own");
}

template <typename T>
void PointwisePlan::fill_blocks(std::span<const double> uniforms, const Operand* slots) const {
  constexpr std::size_t block = block_bytes / sizeof(T);
  const auto set = [slots](std::size_t slot, double value) {
    std::fill_n(static_cast<T*>(const_cast<void*>(slots[slot].data)), block, round_to<T>(value));
  };
  for (std::size_t i = 0; i < uniforms.size(); ++i) set(first_block() + i, uniforms[i]);
  for (const Constant& constant : constants) set(constant.slot, constant.value);
  for (const Step& step : once) step.run(dtype_of<T>, slots, block);
}

template void PointwisePlan::fill_blocks<float>(std::span<const double>, const Operand*) const;
template void PointwisePlan::fill_blocks<double>(std::span<const double>, const Operand*) const;
template void PointwisePlan::fill_blocks<std::int32_t>(std::span<const double>, const Operand*) const;
template void PointwisePlan::fill_blocks<std::int64_t>(std::span<const double>, const Operand*) const;

}  // namespace wengert::kernels
