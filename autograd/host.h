#pragma once

#include <memory>

/// What a compiled function may know of the host beside tensors (see compile.h).

namespace wengert {

namespace detail {
class Capture;
}

/// A truth value of the host that functions depend on, such as a layer's mode. A compiled function notes each one that
/// it reads: its program is replayed as long as they are the same, and recorded anew otherwise. What it sets is set at
/// every call. Copies are flags of their own.
class HostFlag {
 public:
  explicit HostFlag(bool value);
  HostFlag(const HostFlag& other);
  HostFlag(HostFlag&& other) noexcept;
  /// Takes the value alone: programs go on knowing this flag.
  HostFlag& operator=(const HostFlag& other);
  ~HostFlag();

  /// False once it was moved from.
  bool get() const;
  void set(bool value);

 private:
  std::shared_ptr<bool> cell_;
};

/// While one lives, this thread's compiled function takes what happens as done before it was called: for what is made
/// once, on first use.
class Uncompiled {
 public:
  Uncompiled() noexcept;
  ~Uncompiled();
  Uncompiled(const Uncompiled&) = delete;
  Uncompiled& operator=(const Uncompiled&) = delete;

 private:
  detail::Capture* paused_;
};

}  // namespace wengert
