// A process that is forked while other threads compute can compute, too.

#include <atomic>
#include <cstddef>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

// The sanitizer for threads does not know those that a forked process starts; that for addresses takes the pool away,
// and its own allocator may be locked for ever in such a process.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

void use_large_block() {
  constexpr std::size_t bytes = std::size_t{2} << 20;
  deallocate(allocate(bytes), bytes);
}

/// Whether every piece was computed, by two threads: the first to come waits for the other.
bool is_shared_by_two_threads() {
  const ThreadLimit limit(2);
  std::atomic<int> begun = 0;
  parallel_for(2, [&](std::int64_t) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  });
  return begun == 2;
}

TEST(Fork, LeavesAProcessThatAllocatesAndHasThreads) {
  ASSERT_TRUE(is_shared_by_two_threads());
  std::atomic<bool> is_over = false;
  std::thread busy([&] {
    while (!is_over) use_large_block();
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);  // instead of waiting for ever
      use_large_block();
      _exit(is_shared_by_two_threads() ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    if (status != 0) break;
  }
  is_over = true;
  busy.join();
}

#endif

}  // namespace
}  // namespace wengert::kernels
