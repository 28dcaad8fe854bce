// Vectors in registers, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_REGISTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_REGISTER_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_REGISTER_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_REGISTER_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Keeps a vector in its register: g++ would rather read it from memory within an instruction, and again for each of a
// few uses.
template <class V>
HWY_INLINE void keep_in_register(V& v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC && !HWY_COMPILER_CLANG
  asm("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

// Says that a vector is of use up to here: g++ would rather end a sum in the register of what it adds last, and move it
// back.
template <class V>
HWY_INLINE void is_used_until_here(const V& v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC && !HWY_COMPILER_CLANG
  asm volatile("" : : "v"(v.raw));
#else
  (void)v;
#endif
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
