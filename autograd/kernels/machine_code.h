#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace wengert::kernels {

/// Whether this system lets a process run what it wrote.
bool can_place_code();

/// Places machine code where it can be run, as long as what is returned lives. No memory is ever writable and
/// executable at one address. Any thread may. Null where the system gives no memory for it.
std::shared_ptr<void> place_code(std::span<const std::uint8_t> code);

}  // namespace wengert::kernels
