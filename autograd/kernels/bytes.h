#pragma once

#include <cstddef>
#include <cstdint>

namespace wengert::kernels {

/// Writes each byte divided by `divisor`, which T holds exactly, correctly rounded. T: float or double.
template <typename T>
void divide_bytes(const std::uint8_t* from, std::size_t count, double divisor, T* to);

}  // namespace wengert::kernels
