#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include <wengert/autograd/internal/graph.h>

namespace wengert::detail {

/// Where the values of a graph stand while it is replayed: worked out once, from their lives.
struct MemoryPlan {
  static constexpr std::size_t elsewhere = std::numeric_limits<std::size_t>::max();

  /// A value that outlives the run.
  struct Escape {
    std::uint32_t value = 0;
    std::int64_t slot = -1;  // whose old value it may be written over; −1: none
    Shape shape = {};
  };

  std::vector<std::size_t> offsets;  // by value, in one block of memory; of parts: see their wholes
  std::size_t bytes = 0;             // of that block
  std::vector<Escape> escapes;
};

/// Values whose lives do not overlap share memory; a pointwise result takes the place of an operand that is read there
/// for the last time.
MemoryPlan plan_memory(const Graph& graph);

}  // namespace wengert::detail
