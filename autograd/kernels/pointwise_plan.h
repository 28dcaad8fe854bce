#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {

/// Outputs that native code may have.
inline constexpr std::size_t most_native_outputs = 8;

/// Which of a plan's two compute types one is: of 32 bits, or of 64.
constexpr std::size_t width_of(DType compute) { return size_of(compute) == 4 ? 0 : 1; }

/// A program as it is run on one tile after the other, on floating numbers or on integers: values live in slots, and
/// each step calls a function on slots: a primitive, or several in one loop (compiled_step.h).
///
/// Slots are numbered: one for each input; one for each output; the uniforms and all else that is the same for every
/// element (one block each); then the registers, shared by values whose lives do not overlap.
struct PointwisePlan {
  /// Throws std::logic_error where the program is not well formed, or `native` cannot stand for it.
  PointwisePlan(Program program, bool is_floating, NativePointwise native = {});

  using Slot = std::uint32_t;

  struct Step {
    std::array<PrimitiveFunction, 2> functions = {};  ///< by width
    std::uint32_t a = 0, b = 0, c = 0, out = 0;       ///< bytes from the first slot

    /// `slots` that steps write to show memory of the run's own, or that of an output.
    void run(DType compute, const Operand* slots, std::size_t count) const {
      const auto at = [slots](std::uint32_t offset) -> const Operand& {
        return *reinterpret_cast<const Operand*>(reinterpret_cast<const std::byte*>(slots) + offset);
      };
      functions[width_of(compute)](at(a), at(b), at(c), const_cast<void*>(at(out).data), count);
    }
  };
  struct Constant {
    Slot slot = 0;
    double value = 0;
  };
  struct Output {
    Slot slot = 0;           ///< where the value stands at the end of a tile
    bool is_direct = false;  ///< it is the slot of this very output, written by a step: that may write to the result
  };

  /// An input that is read after an output was written, in each tile or vector: it must not stand in the same memory.
  struct Clash {
    std::size_t input = 0, output = 0;
  };

  /// Slots for whole tiles; the others hold one block.
  std::size_t array_count() const { return program.inputs + outputs.size() + registers; }
  std::size_t slot_count() const { return array_count() + blocks; }
  std::int64_t tile_elements(DType compute) const {
    return static_cast<std::int64_t>(width_of(compute) == 0 ? tile_bytes / 4 : tile_bytes / 8);
  }
  Slot first_block() const { return static_cast<Slot>(program.inputs + outputs.size()); }

  /// Sets the blocks that `slots` show: the uniforms, rounded to nearest, and all else that is the same for every
  /// element.
  void fill_blocks(DType compute, std::span<const double> uniforms, const Operand* slots) const;

  PointwiseCode native_code(DType compute) const {
    return compute == DType::f32 ? native.f32 : compute == DType::f64 ? native.f64 : nullptr;
  }

  Program program;
  bool is_floating;
  NativePointwise native;
  std::vector<Constant> constants;
  std::vector<Step> once;                   ///< on values that are the same for every element
  std::vector<Step> steps;                  ///< for every tile
  std::vector<std::shared_ptr<void>> code;  ///< that steps call
  std::vector<Output> outputs;
  bool are_direct = true;  ///< all of them
  std::vector<Clash> clashes;
  std::size_t blocks = 0;                                  ///< slots of one block
  std::array<PoolVector<std::byte>, 2> known_blocks = {};  ///< by width, where no uniform has a say; empty elsewhere
  std::size_t registers = 0;
  std::size_t tile_bytes = 0;     ///< of one array: such that all of them stay in the first-level cache
  double cost = 0;                ///< of an element, in multiply-adds (threads.h)
  const char* missing = nullptr;  ///< a primitive that there is not; or null

 private:
  struct Unplanned {};
  PointwisePlan(Unplanned, Program&& to_plan, bool is_on_floating, NativePointwise given)
      : program(std::move(to_plan)), is_floating(is_on_floating), native(given) {}
};

}  // namespace wengert::kernels
