#include <atomic>
#include <csignal>
#include <mutex>

#include <wengert/training/interrupt.h>

namespace wengert::training {

namespace {

std::atomic<bool> noted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not take a lock");

std::mutex mutex;
int in_scope = 0;
struct sigaction before {};

void note(int) { noted.store(true, std::memory_order_relaxed); }

}  // namespace

Interrupt::Interrupt() {
  const std::lock_guard lock(mutex);
  if (in_scope++ > 0) return;
  noted = false;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);  // reset: the second one meets the default
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGINT, &action, nullptr);
}

Interrupt::~Interrupt() {
  const std::lock_guard lock(mutex);
  if (--in_scope == 0) sigaction(SIGINT, &before, nullptr);
}

bool Interrupt::requested() noexcept { return noted.load(std::memory_order_relaxed); }

}  // namespace wengert::training
