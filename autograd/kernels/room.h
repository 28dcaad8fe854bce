#pragma once

#include <cstddef>
#include <new>
#include <span>

#include <wengert/autograd/kernels/memory.h>

namespace wengert::kernels {

/// Room that is filled as far as it is read: on the stack, or where that is too small, from the pool. Next to a tiny
/// operation, clearing it would show. What stands in it is not destroyed.
template <typename T, std::size_t most = 16, std::size_t alignment = alignof(T)>
class Room {
 public:
  explicit Room(std::size_t count) : count_(count), memory_(count > most ? allocate(count * sizeof(T)) : room_) {}
  ~Room() {
    if (memory_ != room_) deallocate(memory_, count_ * sizeof(T));
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  void set(std::size_t i, const T& value) { new (static_cast<std::byte*>(memory_) + i * sizeof(T)) T(value); }
  T* data() { return std::launder(static_cast<T*>(memory_)); }
  std::span<const T> all() const { return {std::launder(static_cast<const T*>(memory_)), count_}; }

 private:
  std::size_t count_;
  void* memory_;
  alignas(alignment) std::byte room_[most * sizeof(T)];  // NOLINT(*-avoid-c-arrays): not to be cleared
};

}  // namespace wengert::kernels
