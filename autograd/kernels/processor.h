#pragma once

namespace wengert::kernels {

/// Whether this machine divides vectors of 512 bits in less time than multiply-adds take for it
/// (reciprocal-inl.h): AMD's of family 1Ah do, as an EPYC of it takes 2.6 cycles; others take 10 to 16.
bool divides_quickly() noexcept;

}  // namespace wengert::kernels
