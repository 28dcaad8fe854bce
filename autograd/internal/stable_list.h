#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include <wengert/autograd/kernels/memory.h>

namespace wengert::detail {

/// A list whose elements stay where they are while it grows: in pieces from the pool, which it keeps when it is
/// cleared.
template <typename T>
class StableList {
 public:
  StableList() = default;
  StableList(const StableList&) = delete;
  StableList& operator=(const StableList&) = delete;
  ~StableList() { clear(); }

  std::size_t size() const { return size_; }
  const T& operator[](std::size_t i) const { return *at(i); }
  T& operator[](std::size_t i) { return *at(i); }

  template <typename... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    if (size_ % piece_elements == 0) begin_piece();
    T* const element = new (next_) T{std::forward<Arguments>(arguments)...};
    ++next_;
    ++size_;
    return *element;
  }

  void clear() noexcept {
    for (std::size_t i = 0; i < size_; ++i) std::destroy_at(at(i));
    size_ = 0;
  }

 private:
  static constexpr std::size_t piece_elements = 256;

  T* at(std::size_t i) const { return pieces_[i / piece_elements].at(i % piece_elements); }
  void begin_piece() {
    if (size_ == pieces_.size() * piece_elements) pieces_.emplace_back(piece_elements);
    next_ = at(size_);
  }

  kernels::PoolVector<kernels::PoolArray<T>> pieces_;
  T* next_ = nullptr;  // behind the last; the end of a piece where that is full
  std::size_t size_ = 0;
};

}  // namespace wengert::detail
