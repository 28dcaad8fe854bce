#include <algorithm>

#include <wengert/autograd/kernels/compiled_step.h>
#include <wengert/autograd/kernels/pointwise_schedule.h>

namespace wengert::kernels {
namespace {

// By value of a program: twice the round in which it comes about, and 1 more where it is compiled. In each round, what
// is not compiled comes first.
std::vector<std::size_t> times_of(const Program& program, const Flags& is_uniform) {
  const std::size_t leaves = std::size_t{program.inputs} + program.uniforms;
  std::vector<std::size_t> times(leaves + program.instructions.size(), 0);
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    if (is_uniform[leaves + i] != 0) continue;
    const Instruction& instruction = program.instructions[i];
    std::size_t latest = 0;
    for_operands(instruction, [&](std::size_t operand) { latest = std::max(latest, times[operand]); });
    times[leaves + i] = compiled_step::can_have(instruction.primitive) ? latest | 1 : (latest + 1) / 2 * 2;
  }
  return times;
}

}  // namespace

PointwiseSchedule::PointwiseSchedule(const Program& program, const Flags& is_uniform, const Flags& is_wanted,
                                     bool compiled) {
  const std::size_t leaves = std::size_t{program.inputs} + program.uniforms;
  const auto is_done = [&](std::size_t i) { return is_wanted[leaves + i] != 0 && is_uniform[leaves + i] == 0; };
  if (!compiled) {
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
      if (!is_done(i)) continue;
      order_.push_back(static_cast<std::uint16_t>(i));
      ends_.push_back(order_.size());
    }
    return;
  }
  const std::vector<std::size_t> times = times_of(program, is_uniform);
  const std::size_t last = *std::max_element(times.begin(), times.end());
  for (std::size_t time = 0; time <= last; ++time) {
    const std::size_t begin = order_.size();
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
      if (!is_done(i) || times[leaves + i] != time) continue;
      order_.push_back(static_cast<std::uint16_t>(i));
      if (time % 2 == 0) ends_.push_back(order_.size());
    }
    if (time % 2 == 1) cut_where_registers_end(program, is_uniform, begin);
  }
}

void PointwiseSchedule::cut_where_registers_end(const Program& program, const Flags& is_uniform, std::size_t begin) {
  while (begin < order_.size()) {
    begin += compiled_step::fitting(program, std::span(order_).subspan(begin), is_uniform);
    ends_.push_back(begin);
  }
}

}  // namespace wengert::kernels
