#include <algorithm>
#include <array>
#include <bit>

#include <wengert/autograd/kernels/assembler.h>
#include <wengert/autograd/kernels/compiled_step.h>
#include <wengert/autograd/kernels/machine_code.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels::compiled_step {
namespace {

// What an instruction becomes.
enum class Form : std::uint8_t {
  none,
  binary,
  unary,
  rounding,
  fma,
  sign,
  copy_sign,
  comparison,
  is_zero,
  select,
  minimum,
  maximum
};

struct Encoding {
  Form form = Form::none;
  std::uint8_t code = 0;    // of the vector instruction that does the work
  std::uint8_t number = 0;  // behind it: how to compare, or to round
};

// Codes without a name are given there, where they are used once.
constexpr std::uint8_t move = 0x28, and_ = 0x54, and_not = 0x55, or_ = 0x56, xor_ = 0x57, compare = 0xC2;
constexpr std::uint8_t equal = 0, unordered = 3, less = 0x11, less_equal = 0x12;

Encoding encoding_of(Primitive primitive) {
  switch (primitive) {
    case Primitive::add: return {Form::binary, 0x58};
    case Primitive::sub: return {Form::binary, 0x5C};
    case Primitive::mul: return {Form::binary, 0x59};
    case Primitive::div: return {Form::binary, 0x5E};
    case Primitive::sqrt: return {Form::unary, 0x51};
    case Primitive::floor: return {Form::rounding, 0, 9};
    case Primitive::ceil: return {Form::rounding, 0, 10};
    case Primitive::round: return {Form::rounding, 0, 8};
    case Primitive::fma: return {Form::fma};
    case Primitive::neg: return {Form::sign, xor_};
    case Primitive::abs: return {Form::sign, and_not};
    case Primitive::copy_sign: return {Form::copy_sign};
    case Primitive::less: return {Form::comparison, compare, less};
    case Primitive::less_equal: return {Form::comparison, compare, less_equal};
    case Primitive::equal: return {Form::comparison, compare, equal};
    case Primitive::logical_not: return {Form::is_zero};
    case Primitive::select: return {Form::select};
    case Primitive::minimum: return {Form::minimum, or_};
    case Primitive::maximum: return {Form::maximum, and_};
    default: return {};
  }
}

// Numbers that instructions need beside their operands: the sign bit, and what truth values are made of.
enum Constant : std::uint8_t { sign, one, zero, constant_count };

template <typename T>
const void* block_of(Constant constant) {
  using Block = std::array<T, block_elements<T>>;
  static const auto blocks = [] {
    std::array<Block, constant_count> made;
    made[sign].fill(T{-0.0});
    made[one].fill(T{1});
    made[zero].fill(T{0});
    return made;
  }();
  return blocks[constant].data();
}

template <typename F>
void for_constants(Form form, const F& f) {
  if (form == Form::sign || form == Form::copy_sign) f(sign);
  if (form == Form::comparison || form == Form::is_zero) f(one);
  if (form == Form::is_zero || form == Form::select) f(zero);
}

// Of 16 or 32 registers the last two are for intermediate results.
int register_count() { return vector_bytes_of_code() == 64 ? 30 : 14; }

// By value of a program, the instruction among `instructions` that reads it last; −1: none.
std::vector<int> last_reads(const Program& program, std::span<const std::uint16_t> instructions) {
  std::vector<int> last(program.leaves() + program.instructions.size(), -1);
  for (std::size_t i = 0; i < instructions.size(); ++i)
    for_operands(program.instructions[instructions[i]],
                 [&](std::size_t operand) { last[operand] = static_cast<int>(i); });
  return last;
}

class Compiler {
 public:
  Compiler(const Program& program, std::span<const std::uint16_t> instructions, std::span<const Place> places,
           bool is_f64)
      : program_(program),
        instructions_(instructions),
        places_(places),
        is_f64_(is_f64),
        scratch_(register_count()),
        code_(vector_bytes_of_code() == 64, is_f64),
        last_(last_reads(program, instructions)),
        registers_(last_.size(), -1),
        free_((std::uint32_t{1} << scratch_) - 1) {
    constants_.fill(-1);
  }

  std::vector<std::uint8_t> compile() {
    code_.prepare();
    for (const std::uint16_t i : instructions_) load_what_stays(program_.instructions[i]);
    code_.begin_loop();
    for (std::size_t i = 0; i < instructions_.size(); ++i) compile(static_cast<int>(i));
    code_.end_loop();
    return code_.take();
  }

 private:
  int take() {
    const int number = std::countr_zero(free_);
    free_ &= free_ - 1;
    return number;
  }

  // Before the loop.
  void load_what_stays(const Instruction& instruction) {
    for_operands(instruction, [&](std::size_t operand) {
      if (places_[operand].kind != Place::Kind::uniform || registers_[operand] >= 0) return;
      code_.address(places_[operand].slot, true);
      code_.load(registers_[operand] = take());
    });
    for_constants(encoding_of(instruction.primitive).form, [&](Constant constant) {
      if (constants_[constant] >= 0) return;
      code_.address(is_f64_ ? block_of<double>(constant) : block_of<float>(constant));
      code_.load(constants_[constant] = take());
    });
  }

  void compile(int i) {
    const std::uint16_t number = instructions_[static_cast<std::size_t>(i)];
    const Instruction& instruction = program_.instructions[number];
    for_operands(instruction, [&](std::size_t operand) {
      if (registers_[operand] >= 0) return;
      code_.address(places_[operand].slot, places_[operand].kind == Place::Kind::array);
      code_.load(registers_[operand] = take());
    });
    const std::size_t value = program_.leaves() + number;
    const int to = registers_[value] = take();
    write(instruction, to);
    if (places_[value].kind != Place::Kind::nowhere) {
      code_.address(places_[value].slot, true);
      code_.store(to);
    }
    for_operands(instruction, [&](std::size_t operand) { release(operand, i); });
    release(value, -1);
  }

  void release(std::size_t value, int i) {
    if (last_[value] != i || places_[value].kind == Place::Kind::uniform || registers_[value] < 0) return;
    free_ |= std::uint32_t{1} << registers_[value];
    registers_[value] = -1;
  }

  void write(const Instruction& instruction, int to) {
    const auto [form, code, number] = encoding_of(instruction.primitive);
    const int a = registers_[instruction.a], b = registers_[instruction.b], c = registers_[instruction.c];
    const VectorInstruction f = simple(code);
    switch (form) {
      case Form::binary: return code_.vector(f, to, a, b);
      case Form::unary: return code_.vector(f, to, 0, a);
      case Form::rounding:
        return code_.vector_by_number({3, 1, static_cast<std::uint8_t>(is_f64_ ? 0x09 : 0x08)}, to, 0, a, number);
      case Form::fma:  // to = b · to + c
        code_.vector(simple(move), to, 0, a);
        return code_.vector({2, 1, 0xA8}, to, b, c);
      case Form::sign: return code_.vector(f, to, constants_[sign], a);
      case Form::copy_sign:
        code_.vector(simple(and_not), to, constants_[sign], a);
        code_.vector(simple(and_), scratch_, constants_[sign], b);
        return code_.vector(simple(or_), to, to, scratch_);
      case Form::comparison: return write_truth(to, a, b, number);
      case Form::is_zero: return write_truth(to, a, constants_[zero], equal);
      case Form::select: return write_select(to, a, b, c);
      case Form::minimum: return write_extreme(to, a, b, a, b, f);
      case Form::maximum: return write_extreme(to, a, b, b, a, f);
      case Form::none: break;
    }
  }

  VectorInstruction simple(std::uint8_t code) const { return {1, code_.precision(), code}; }

  // A comparison sets bits of a mask, or all bits of a number.
  void compare_to_mask(int a, int b, std::uint8_t how) {
    code_.vector_by_number(simple(compare), code_.is_evex() ? Assembler::mask : scratch_, a, b, how);
  }
  void write_truth(int to, int a, int b, std::uint8_t how) {
    compare_to_mask(a, b, how);
    code_.is_evex() ? code_.vector(simple(move), to, 0, constants_[one], Assembler::mask, true)
                    : code_.vector(simple(and_), to, scratch_, constants_[one]);
  }
  // Where what was compared is true `yes`, elsewhere `no`.
  void blend(int to, int no, int yes) {
    if (code_.is_evex()) return code_.vector({2, 1, 0x65}, to, no, yes, Assembler::mask);
    const auto mask = static_cast<std::uint8_t>(scratch_ << 4);
    code_.vector_by_number({3, 1, static_cast<std::uint8_t>(is_f64_ ? 0x4B : 0x4A)}, to, no, yes, mask);
  }
  void write_select(int to, int a, int b, int c) {
    compare_to_mask(a, constants_[zero], equal);
    blend(to, b, c);
  }
  // a where `smaller` is below `larger`, else b; where they are equal, zeros put together; and a where that is NaN. The
  // processor's own minimum and maximum would make zeros of subnormal numbers, where those are taken for zeros.
  void write_extreme(int to, int a, int b, int smaller, int larger, VectorInstruction of_equal) {
    compare_to_mask(smaller, larger, less);
    blend(to, b, a);
    compare_to_mask(a, b, equal);
    code_.vector(of_equal, scratch_ + 1, a, b);
    blend(to, to, scratch_ + 1);
    compare_to_mask(a, a, unordered);
    blend(to, to, a);
  }

  const Program& program_;
  std::span<const std::uint16_t> instructions_;
  std::span<const Place> places_;
  bool is_f64_;
  int scratch_;
  Assembler code_;
  std::vector<int> last_;
  std::vector<int> registers_;  // by value; −1: none
  std::array<int, constant_count> constants_;
  std::uint32_t free_;  // a bit for each register
};

}  // namespace

bool is_possible() { return vector_bytes_of_code() > 0 && can_place_code(); }

bool can_have(Primitive primitive) { return encoding_of(primitive).form != Form::none; }

std::size_t fitting(const Program& program, std::span<const std::uint16_t> instructions, const Flags& is_uniform) {
  const std::vector<int> last = last_reads(program, instructions);
  Flags is_held(last.size());
  std::array<std::uint8_t, constant_count> is_loaded = {};
  int staying = 0, held = 0, most_held = 0;  // registers loaded before the loop, and within it
  const auto hold = [](std::uint8_t& flag, int& count) {
    if (flag == 0) ++count;
    flag = 1;
  };
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[instructions[i]];
    const std::size_t value = program.leaves() + instructions[i];
    for_operands(instruction,
                 [&](std::size_t operand) { hold(is_held[operand], is_uniform[operand] != 0 ? staying : held); });
    for_constants(encoding_of(instruction.primitive).form,
                  [&](Constant constant) { hold(is_loaded[constant], staying); });
    hold(is_held[value], held);
    most_held = std::max(most_held, held);
    if (staying + most_held > register_count()) return i;
    const auto release = [&](std::size_t of, int reader) {
      if (last[of] != reader || is_uniform[of] != 0 || is_held[of] == 0) return;
      is_held[of] = 0;
      --held;
    };
    for_operands(instruction, [&](std::size_t operand) { release(operand, static_cast<int>(i)); });
    release(value, -1);
  }
  return instructions.size();
}

std::vector<std::uint8_t> compile(const Program& program, std::span<const std::uint16_t> instructions,
                                  std::span<const Place> places, bool is_f64) {
  return Compiler(program, instructions, places, is_f64).compile();
}

}  // namespace wengert::kernels::compiled_step
