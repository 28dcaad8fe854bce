#include <algorithm>

#include <wengert/autograd/kernels/compiled_step.h>
#include <wengert/autograd/kernels/pointwise_schedule.h>

namespace wengert::kernels {
namespace {

// So many results of what is not compiled are in the cache at a time, or else tiles would have to be small.
constexpr std::size_t most_of_a_round = 8;

// When each instruction is done: twice the round, and 1 more where it is compiled. In each round, what is not compiled
// comes first.
using Times = std::vector<std::size_t>;

bool is_compiled(const Program& program, std::size_t i) {
  return compiled_step::can_have(program.instructions[i].primitive);
}

// As early as can be.
Times earliest_times(const Program& program, std::span<const std::uint16_t> wanted) {
  const std::size_t leaves = program.leaves();
  Times times(program.instructions.size(), 0);
  std::vector<std::size_t> in_round(times.size() + 2, 0);  // what is not compiled
  for (const std::uint16_t i : wanted) {
    std::size_t latest = 0;
    for_operands(program.instructions[i], [&](std::size_t operand) {
      if (operand >= leaves) latest = std::max(latest, times[operand - leaves]);
    });
    times[i] = is_compiled(program, i) ? latest | 1 : (latest + 1) / 2 * 2;
    if (is_compiled(program, i)) continue;
    while (in_round[times[i] / 2] == most_of_a_round) times[i] += 2;
    ++in_round[times[i] / 2];
  }
  return times;
}

// Compiled instructions on inputs alone, right before they are first read: until then each would take an array. Others
// take as many less, for what they read.
void delay_first_ones(const Program& program, std::span<const std::uint16_t> wanted, Times& times) {
  const std::size_t leaves = program.leaves();
  constexpr std::size_t never = ~std::size_t{0};
  Flags is_first(times.size(), 1);
  for (const std::uint16_t i : wanted) {
    std::uint8_t is_on_inputs = is_compiled(program, i) ? 1 : 0;
    for_operands(program.instructions[i], [&](std::size_t operand) {
      if (operand >= leaves) is_on_inputs &= is_first[operand - leaves];
    });
    is_first[i] = is_on_inputs;
  }
  Times first_read(times.size(), never);
  for (std::size_t n = wanted.size(); n-- > 0;) {
    const std::uint16_t i = wanted[n];
    if (is_first[i] != 0 && first_read[i] != never) times[i] = (first_read[i] - 1) | 1;
    for_operands(program.instructions[i], [&](std::size_t operand) {
      if (operand >= leaves) first_read[operand - leaves] = std::min(first_read[operand - leaves], times[i]);
    });
  }
}

}  // namespace

PointwiseSchedule::PointwiseSchedule(const Program& program, const Flags& is_uniform, const Flags& is_wanted,
                                     bool compiled) {
  const std::size_t leaves = program.leaves();
  for (std::size_t i = 0; i < program.instructions.size(); ++i)
    if (is_wanted[leaves + i] != 0 && is_uniform[leaves + i] == 0) order_.push_back(static_cast<std::uint16_t>(i));
  if (!compiled) {
    for (std::size_t end = 1; end <= order_.size(); ++end) ends_.push_back(end);
    return;
  }
  Times times = earliest_times(program, order_);
  delay_first_ones(program, order_, times);
  std::vector<std::vector<std::uint16_t>> at_time;
  for (const std::uint16_t i : order_) {
    if (at_time.size() <= times[i]) at_time.resize(times[i] + 1);
    at_time[times[i]].push_back(i);
  }
  order_.clear();
  for (std::size_t time = 0; time < at_time.size(); ++time) {
    const std::size_t begin = order_.size();
    order_.insert(order_.end(), at_time[time].begin(), at_time[time].end());
    if (time % 2 == 1) cut_where_registers_end(program, is_uniform, begin);
    for (std::size_t end = begin; time % 2 == 0 && end < order_.size(); ++end) ends_.push_back(end + 1);
  }
}

void PointwiseSchedule::cut_where_registers_end(const Program& program, const Flags& is_uniform, std::size_t begin) {
  while (begin < order_.size()) {
    const auto rest = std::span(order_).subspan(begin);
    begin += rest.size() == 1 ? 1 : compiled_step::fitting(program, rest, is_uniform);
    ends_.push_back(begin);
  }
}

}  // namespace wengert::kernels
