#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace wengert::kernels {

/// An instruction on vectors as the manuals write it: the table that its code stands in (1: 0F, 2: 0F 38, 3: 0F 3A) and
/// its prefix (0: none, 1: 66).
struct VectorInstruction {
  std::uint8_t table, prefix, code;
};

/// Writes machine code of x86-64: a loop over vectors of f32 or f64, and no more than that needs. The encodings are
/// those of Intel's Software Developer's Manual, volume 2, sections 2.3 (VEX: vectors of 32 bytes, 16 registers) and
/// 2.7 (EVEX: vectors of 64 bytes, 32 registers, masks).
///
/// The loop is a PrimitiveFunction whose first operand is the first of all slots, in rdi; r8 is how many elements there
/// are. rdx counts the bytes that are done, rax and rcx are where an operand is and how far.
class Assembler {
 public:
  Assembler(bool is_evex, bool is_f64) : is_evex_(is_evex), is_f64_(is_f64) {}

  static constexpr int no_mask = 0, mask = 1;  // of the mask registers, one is used

  void prepare() {
    write({0x31, 0xD2});                                                    // xor edx, edx
    write({0x49, 0xC1, 0xE0, static_cast<std::uint8_t>(is_f64_ ? 3 : 2)});  // shl r8, 2 or 3
  }
  void begin_loop() {
    loop_ = code_.size();
    write({0x4C, 0x39, 0xC2, 0x0F, 0x83});  // cmp rdx, r8; jae …
    write_32(0);                            // … to the end
  }
  void end_loop() {
    write({0x48, 0x83, 0xC2, static_cast<std::uint8_t>(is_evex_ ? 64 : 32), 0xE9});  // add rdx, 64 or 32; jmp …
    write_32(distance(code_.size() + 4, loop_));                                     // … to the beginning
    const std::uint32_t forward = distance(loop_ + 9, code_.size());
    for (std::size_t i = 0; i < 4; ++i) code_[loop_ + 5 + i] = static_cast<std::uint8_t>(forward >> (8 * i));
    write({0xC5, 0xF8, 0x77, 0xC3});  // vzeroupper; ret
  }

  /// The operand whose slot stands `slot` bytes behind the first is the memory of the next `load` or `store`. It may be
  /// one element unless it `is_whole`.
  void address(std::uint32_t slot, bool is_whole) {
    write({0x48, 0x8B, 0x87});  // mov rax, [rdi + slot]
    write_32(slot);
    index_ = is_whole ? 2 : 1;
    if (is_whole) return;
    write({0x48, 0x89, 0xD1, 0x48, 0x23, 0x8F});  // mov rcx, rdx; and rcx, [rdi + slot + 8]
    write_32(slot + 8);
  }
  /// … or that at a fixed place.
  void address(const void* data) {
    write({0x48, 0xB8});  // mov rax, data
    const auto place = reinterpret_cast<std::uintptr_t>(data);
    write_32(static_cast<std::uint32_t>(place));
    write_32(static_cast<std::uint32_t>(place >> 32));
    index_ = 2;
  }
  void load(int to) { of_memory({1, precision(), 0x10}, to); }
  void store(int from) { of_memory({1, precision(), 0x11}, from); }

  /// Registers `to` = f(a, b). With a mask only where that is set; elsewhere `to` stays, or is 0.
  void vector(VectorInstruction f, int to, int a, int b, int masked_by = no_mask, bool is_zeroed = false) {
    write_prefix(f, to, a, b, masked_by, is_zeroed);
    write({f.code, static_cast<std::uint8_t>(0xC0 | (to & 7) << 3 | (b & 7))});
  }
  /// … with a number behind it.
  void vector_by_number(VectorInstruction f, int to, int a, int b, std::uint8_t number) {
    vector(f, to, a, b);
    write({number});
  }

  bool is_evex() const { return is_evex_; }
  /// The prefix of most instructions that exist for f32 and for f64.
  std::uint8_t precision() const { return is_f64_ ? 1 : 0; }
  std::vector<std::uint8_t> take() { return std::move(code_); }

 private:
  static std::uint32_t distance(std::size_t from, std::size_t to) { return static_cast<std::uint32_t>(to - from); }
  void write(std::initializer_list<std::uint8_t> bytes) { code_.insert(code_.end(), bytes); }
  void write_32(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) code_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  void of_memory(VectorInstruction f, int reg) {
    write_prefix(f, reg, 0, 0, no_mask, false);
    write({f.code, static_cast<std::uint8_t>(0x04 | (reg & 7) << 3), static_cast<std::uint8_t>(index_ << 3)});
  }

  // Higher bits of registers' numbers are spread over the prefix, and stand there inverted.
  void write_prefix(VectorInstruction f, int reg, int a, int b, int masked_by, bool is_zeroed) {
    const auto inverted = [](int number, int bit) { return static_cast<unsigned>(~number >> bit & 1); };
    const unsigned high = inverted(reg, 3) << 7 | inverted(b, 3) << 5 | f.table;
    const unsigned first = static_cast<unsigned>(~a & 15) << 3 | f.prefix;
    if (is_evex_) {
      write({0x62, static_cast<std::uint8_t>(high | inverted(b, 4) << 6 | inverted(reg, 4) << 4),
             static_cast<std::uint8_t>(first | 4 | (is_f64_ ? 0x80 : 0)),
             static_cast<std::uint8_t>((is_zeroed ? 0x80U : 0) | 0x40 | inverted(a, 4) << 3 |
                                       static_cast<unsigned>(masked_by))});
    } else {
      const bool is_w = is_f64_ && f.table == 2;  // elsewhere it says nothing, or must not be set
      write({0xC4, static_cast<std::uint8_t>(high | 0x40), static_cast<std::uint8_t>(first | 4 | (is_w ? 0x80 : 0))});
    }
  }

  bool is_evex_, is_f64_;
  std::vector<std::uint8_t> code_;
  std::size_t loop_ = 0;
  int index_ = 2;
};

}  // namespace wengert::kernels
