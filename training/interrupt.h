#pragma once

namespace wengert::training {

/// While one is in scope, the first Ctrl-C (SIGINT) is only noted, so that a training can end after the step in hand;
/// the second one ends the process as usual. Where a process ignores SIGINT (under nohup, say), so it does here.
/// Several may be in scope, on any threads; the last one to go puts back what was there before.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Whether Ctrl-C came since the first of those now in scope (or, when there is none, of the last ones) was made.
  static bool requested() noexcept;
};

}  // namespace wengert::training
