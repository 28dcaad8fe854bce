#pragma once

namespace wengert::kernels {

/// Whether this machine divides vectors of 512 bits in less time than multiply-adds take for it
/// (reciprocal-inl.h): AMD's processors do since Zen 5, in 2.6 cycles; others take 10 to 16.
bool divides_quickly() noexcept;

}  // namespace wengert::kernels
