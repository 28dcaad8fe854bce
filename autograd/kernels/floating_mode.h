#pragma once

#include <cstdint>

namespace wengert::kernels {

/// How this thread's processor rounds, and whether it takes subnormal numbers for zero: what its control register says
/// (MXCSR, FPCR); 0 on processors that are not known here. Threads that help with a piece of work compute in the mode
/// of the one that it belongs to: else results would depend on who computed what.
using FloatingMode = std::uint64_t;
FloatingMode floating_mode() noexcept;
void set_floating_mode(FloatingMode mode) noexcept;

/// The mode in which subnormal numbers, read or computed, are zero.
FloatingMode without_subnormals(FloatingMode mode) noexcept;

}  // namespace wengert::kernels
