#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace wengert::kernels {

/// Memory of at least `bytes`, aligned to 64, from a pool: freed blocks are kept by size class, by each thread for
/// itself as long as they are small, so that in the steady state neither a lock nor the system is asked.
/// Throws std::bad_alloc.
void* allocate(std::size_t bytes);

/// Gives back what `allocate(bytes)` returned; any thread may.
void deallocate(void* memory, std::size_t bytes) noexcept;

/// Has the system find memory for the pages of a block now, as it would when they are first written; what stands there
/// stays. It takes as long as then, so it is for a thread that has nothing else to do. Nothing on a system that cannot.
void populate(void* memory, std::size_t bytes) noexcept;

/// How often the pool had to ask the system since the process began.
std::uint64_t system_allocations() noexcept;

/// Returns all blocks that the shared pool and this thread keep to the system.
void release_cached_memory() noexcept;

/// Lets standard containers draw from the pool.
template <typename T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <typename U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor): rebinding is implicit
  T* allocate(std::size_t count) { return static_cast<T*>(kernels::allocate(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { kernels::deallocate(memory, count * sizeof(T)); }
  template <typename U>
  bool operator==(const PoolAllocator<U>&) const noexcept {
    return true;
  }
};

template <typename T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

/// An array from the pool whose elements are not set: room for intermediate results.
template <typename T>
class PoolArray {
 public:
  explicit PoolArray(std::size_t count)
      : bytes_(count * sizeof(T)), data_(count > 0 ? static_cast<T*>(allocate(bytes_)) : nullptr) {}
  ~PoolArray() {
    if (data_ != nullptr) deallocate(data_, bytes_);
  }
  PoolArray(PoolArray&& other) noexcept : bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
  PoolArray(const PoolArray&) = delete;
  PoolArray& operator=(const PoolArray&) = delete;
  T* at(std::size_t i) const { return data_ + i; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace wengert::kernels
