#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

#include <wengert/autograd/kernels/memory.h>

// Counts every allocation of the program: to be included in one of its sources. Not inline, lest the compiler warn that
// malloc is paired with delete.

namespace wengert::test {

inline std::atomic<long> news{0};
/// The most bytes that were asked for at once, until it is set to 0 again.
inline std::atomic<std::size_t> largest_allocation{0};

inline void count_allocation(std::size_t size) {
  ++news;
  std::size_t before = largest_allocation;
  while (size > before && !largest_allocation.compare_exchange_weak(before, size)) {
  }
}

/// How often the system was asked for memory so far, by whomever.
inline long allocations() { return news + static_cast<long>(kernels::system_allocations()); }

}  // namespace wengert::test

[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  wengert::test::count_allocation(size);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  wengert::test::count_allocation(size);
  const auto step = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (size + step) / step * step)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
