#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <wengert/autograd/kernels/floating_mode.h>
#include <wengert/autograd/kernels/fork.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::kernels {
namespace {

constexpr int most_threads = 256;
// How long a thread without work looks for some before it sleeps: longer than a step's small kernels take, and less
// than anybody would notice.
constexpr int spins_before_sleep = 4000;
// A piece takes some seven microseconds or more: handing it over costs about one.
constexpr double piece_work = 3.5e5;

int initial_threads() noexcept {
  const char* const wanted = std::getenv("WENGERT_THREADS");
  const int number = wanted == nullptr ? 0 : std::atoi(wanted);  // NOLINT(cert-err34-c): what is no number counts as 0
  return std::clamp(number > 0 ? number : static_cast<int>(std::thread::hardware_concurrency()), 1, most_threads);
}

std::atomic<int>& process_threads() noexcept {
  static std::atomic<int> count = initial_threads();
  return count;
}

thread_local int thread_limit = 0;  // 0: that of the process

void pause() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Work that was handed over. Its caller takes pieces from the front, its helpers from the back: so two threads that
/// work on the same memory again and again meet the parts that their caches hold.
class Task {
 public:
  Task(std::int64_t pieces, detail::Piece piece, const void* function, int most_helpers)
      : places_(most_helpers), left_(static_cast<std::uint64_t>(pieces)), piece_(piece), function_(function) {}

  bool wants_help() const noexcept {
    const std::uint64_t left = left_.load(std::memory_order_relaxed);
    return places_ > 0 && front(left) < back(left);
  }
  void join() noexcept {
    --places_;
    helpers_.fetch_add(1, std::memory_order_relaxed);
  }
  /// In which helpers compute: that of whoever handed the work over.
  FloatingMode mode() const noexcept { return mode_; }
  void leave() noexcept { helpers_.fetch_sub(1, std::memory_order_release); }

  void work(bool from_front) noexcept {
    for (std::int64_t number = take(from_front); number >= 0; number = take(from_front)) {
      try {
        piece_(function_, number);
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
      }
    }
  }

  /// Waits for helpers that are still at work; passes on what a piece threw.
  void finish() {
    for (int spins = 0; helpers_.load(std::memory_order_acquire) != 0; ++spins)
      spins < spins_before_sleep ? pause() : std::this_thread::yield();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // The pieces that nobody has taken: from the upper half of the number on, to the lower.
  static std::uint64_t front(std::uint64_t left) { return left >> 32; }
  static std::uint64_t back(std::uint64_t left) { return left & 0xffffffffU; }

  std::int64_t take(bool from_front) noexcept {
    std::uint64_t left = left_.load(std::memory_order_relaxed);
    while (front(left) < back(left)) {
      const std::uint64_t rest = from_front ? left + (std::uint64_t{1} << 32) : left - 1;
      if (left_.compare_exchange_weak(left, rest, std::memory_order_relaxed))
        return static_cast<std::int64_t>(from_front ? front(left) : back(left) - 1);
    }
    return -1;
  }

  int places_;  // guarded by the pool
  std::atomic<int> helpers_ = 0;
  std::atomic<std::uint64_t> left_;
  detail::Piece piece_;
  const void* function_;
  FloatingMode mode_ = floating_mode();
  std::atomic<bool> failed_ = false;
  std::exception_ptr error_;
};

class Pool {
 public:
  /// Never destroyed: its threads sleep until the process ends.
  static Pool& get() {
    static auto* const pool = [] {
      prepare_for_forks<get>();
      return new Pool;
    }();
    return *pool;
  }

  std::mutex mutex;

  /// A process that is forked has none of the threads, nor those whose tasks these are.
  void forget() {
    tasks_.clear();
    workers_ = 0;
    sleepers_ = 0;
  }

  void open(Task& task, int helpers) {
    {
      const std::lock_guard lock(mutex);
      while (workers_ < helpers && start_worker()) {
      }
      tasks_.push_back(&task);
    }
    news_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) news_.notify_all();
  }

  void close(Task& task) {
    const std::lock_guard lock(mutex);
    std::erase(tasks_, &task);
  }

 private:
  /// Where the system has no thread to give, the work is done by those there are.
  bool start_worker() noexcept {
    try {
      std::thread([this] { help_for_ever(); }).detach();
    } catch (const std::exception&) {
      return false;
    }
    ++workers_;
    return true;
  }

  Task* join_task() {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(tasks_.begin(), tasks_.end(), [](const Task* task) { return task->wants_help(); });
    if (found == tasks_.end()) return nullptr;
    (*found)->join();
    return *found;
  }

  [[noreturn]] void help_for_ever() {
    thread_limit = 1;
    while (true) {
      const std::uint32_t seen = news_.load(std::memory_order_acquire);
      while (Task* task = join_task()) {
        set_floating_mode(task->mode());
        task->work(false);
        task->leave();
      }
      wait(seen);
    }
  }

  void wait(std::uint32_t seen) {
    for (int spins = 0; spins < spins_before_sleep; ++spins) {
      if (news_.load(std::memory_order_acquire) != seen) return;
      pause();
    }
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    news_.wait(seen, std::memory_order_seq_cst);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

  std::vector<Task*> tasks_;
  int workers_ = 0;
  std::atomic<std::uint32_t> news_ = 0;
  std::atomic<int> sleepers_ = 0;
};

}  // namespace

int threads() noexcept { return thread_limit > 0 ? thread_limit : process_threads().load(std::memory_order_relaxed); }

void set_threads(int count) noexcept {
  process_threads().store(std::clamp(count, 1, most_threads), std::memory_order_relaxed);
}

ThreadLimit::ThreadLimit(int most) noexcept : before_(thread_limit) {
  thread_limit = std::clamp(most, 1, most_threads);
}
ThreadLimit::~ThreadLimit() { thread_limit = before_; }

bool is_worth_dividing(double work) noexcept { return work >= 2 * piece_work; }

std::int64_t pieces_of(double work, std::int64_t most) noexcept {
  if (!is_worth_dividing(work)) return 1;
  const std::int64_t count = threads();
  if (count == 1) return 1;
  const auto pieces = static_cast<std::int64_t>(std::min(work / piece_work, static_cast<double>(count * most)));
  return pieces < count ? pieces : pieces / count * count;
}

void detail::run_pieces(std::int64_t pieces, Piece piece, const void* function) {
  const int helpers = static_cast<int>(std::min<std::int64_t>(threads(), pieces)) - 1;
  Task task(pieces, piece, function, helpers);
  Pool& pool = Pool::get();
  pool.open(task, helpers);
  {
    const ThreadLimit alone(1);
    task.work(true);
  }
  pool.close(task);
  task.finish();
}

void detail::run_ranges(std::int64_t count, std::int64_t step, double work, std::int64_t most, Range range,
                        const void* function) {
  const std::int64_t steps = (count + step - 1) / step, pieces = std::min(steps, pieces_of(work, most));
  if (pieces <= 1) return range(function, 0, count);
  parallel_for(pieces, [&](std::int64_t piece) {
    const std::int64_t begin = steps * piece / pieces * step, end = steps * (piece + 1) / pieces * step;
    range(function, begin, std::min(end, count));
  });
}

}  // namespace wengert::kernels
