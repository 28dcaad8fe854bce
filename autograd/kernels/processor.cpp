#include <wengert/autograd/kernels/processor.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace wengert::kernels {

bool divides_quickly() noexcept {
#ifdef __x86_64__
  constexpr unsigned zen5 = 0x1A;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0 || ebx != signature_AMD_ebx) return false;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return false;
  const unsigned family = ((eax >> 8) & 0xF) + ((eax >> 20) & 0xFF);
  return family >= zen5;
#else
  return false;
#endif
}

}  // namespace wengert::kernels
