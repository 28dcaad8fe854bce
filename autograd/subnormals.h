#pragma once

#include <cstdint>

namespace wengert {

/// While it lives, operations that this thread calls take subnormal numbers – below 2⁻¹²⁶ in magnitude for f32, 2⁻¹⁰²²
/// for f64 – for zero, and give zero for them, on all threads that take part; so does other floating arithmetic of this
/// thread. Some processors take a hundred times as long for such numbers, and training does not need them: `fit` makes
/// its steps so. On x86-64 and 64-bit Arm; elsewhere nothing changes.
///
///     const wengert::SubnormalsAsZero faster;
class SubnormalsAsZero {
 public:
  SubnormalsAsZero() noexcept;
  ~SubnormalsAsZero();
  SubnormalsAsZero(const SubnormalsAsZero&) = delete;
  SubnormalsAsZero& operator=(const SubnormalsAsZero&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace wengert
