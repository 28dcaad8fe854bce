#include <wengert/autograd/kernels/floating_mode.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace wengert::kernels {

#if defined(__x86_64__)

namespace {
constexpr unsigned flags = 0x3f;         // of what happened so far: not part of the mode
constexpr unsigned subnormals = 0x8040;  // results and operands are zero
}  // namespace

FloatingMode floating_mode() noexcept { return _mm_getcsr() & ~flags; }
void set_floating_mode(FloatingMode mode) noexcept {
  const unsigned now = _mm_getcsr(), wanted = (now & flags) | static_cast<unsigned>(mode);
  if (wanted != now) _mm_setcsr(wanted);
}
FloatingMode without_subnormals(FloatingMode mode) noexcept { return mode | subnormals; }

#elif defined(__aarch64__)

FloatingMode floating_mode() noexcept {
  FloatingMode mode = 0;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
void set_floating_mode(FloatingMode mode) noexcept { asm volatile("msr fpcr, %0" : : "r"(mode)); }
FloatingMode without_subnormals(FloatingMode mode) noexcept { return mode | FloatingMode{1} << 24; }  // FZ

#else

FloatingMode floating_mode() noexcept { return 0; }
void set_floating_mode(FloatingMode) noexcept {}
FloatingMode without_subnormals(FloatingMode mode) noexcept { return mode; }

#endif

}  // namespace wengert::kernels
