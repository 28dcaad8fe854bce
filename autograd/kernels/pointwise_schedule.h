#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {

/// The order in which instructions of a program are done, and which of them are done in one step.
class PointwiseSchedule {
 public:
  /// `is_uniform`: by value of the program, whether it is the same for every element; `is_wanted`: whether anything
  /// reads it. Of what varies and is wanted, each instruction by itself in the program's order; or, where several are
  /// `compiled` into one (compiled_step.h), such steps as large as can be, before each what is not compiled and it
  /// waits for.
  PointwiseSchedule(const Program& program, const Flags& is_uniform, const Flags& is_wanted, bool compiled);

  std::size_t steps() const { return ends_.size(); }
  std::span<const std::uint16_t> step(std::size_t s) const {
    const std::size_t begin = s == 0 ? 0 : ends_[s - 1];
    return std::span(order_).subspan(begin, ends_[s] - begin);
  }

 private:
  /// What was ordered from `begin` on becomes steps.
  void cut_where_registers_end(const Program& program, const Flags& is_uniform, std::size_t begin);

  std::vector<std::uint16_t> order_;
  std::vector<std::size_t> ends_;  // of steps, in the order
};

}  // namespace wengert::kernels
