#include <array>
#include <atomic>
#include <bit>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <pthread.h>

#include <wengert/autograd/kernels/fork.h>
#include <wengert/autograd/kernels/memory.h>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WENGERT_BYPASS_POOL 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WENGERT_BYPASS_POOL 1
#endif
#endif

namespace wengert::kernels {
namespace {

constexpr std::align_val_t alignment{64};
// Of x86 and most others: addresses of large blocks are found in fewer steps, and sooner.
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t smallest = 64;
constexpr std::size_t large = std::size_t{1} << 20;           // from here on blocks are shared between threads
constexpr std::size_t kept_by_thread = std::size_t{8} << 20;  // bytes per size class
constexpr std::size_t kept_by_all = std::size_t{1} << 30;     // bytes in all
constexpr std::size_t classes = 4 * 42;

std::atomic<std::uint64_t> system_calls{0};

/// Four classes per doubling: at most a fifth of a block is lost to rounding.
struct SizeClass {
  std::size_t index, bytes;
};
constexpr SizeClass size_class(std::size_t bytes) {
  if (bytes <= smallest) return {0, smallest};
  const auto exponent = static_cast<std::size_t>(std::bit_width(bytes - 1)) - 1;  // 2^exponent < bytes ≤ 2^(exponent+1)
  const std::size_t quarter = std::size_t{1} << (exponent - 2);
  const std::size_t steps = (bytes - 1 - (std::size_t{1} << exponent)) / quarter + 1;  // 1 … 4
  return {4 * (exponent - 6) + steps, (std::size_t{1} << exponent) + steps * quarter};
}

/// Of the blocks of a class.
constexpr std::size_t class_bytes(std::size_t index) {
  if (index == 0) return smallest;
  const std::size_t quarter = smallest / 4 << (index - 1) / 4;
  return (4 + (index - 1) % 4 + 1) * quarter;
}
static_assert(class_bytes(size_class(2000).index) == 2048 && class_bytes(size_class(2049).index) == 2560);

/// The indices of small ones, by their sixteenth bytes: next to a tiny operation, working them out would show.
constexpr std::size_t listed = 1024;
constexpr auto small_classes = [] {
  std::array<std::uint8_t, listed / 16 + 1> indices{};
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::uint8_t>(size_class(16 * i).index);
  return indices;
}();
std::size_t class_index(std::size_t bytes) {
  return bytes <= listed ? small_classes[(bytes + 15) / 16] : size_class(bytes).index;
}

struct FreeBlock {
  FreeBlock* next;
};

struct FreeList {
  FreeBlock* head = nullptr;

  void push(void* memory) { head = new (memory) FreeBlock{head}; }
  void* pop() { return head == nullptr ? nullptr : std::exchange(head, head->next); }
};

std::align_val_t alignment_of(std::size_t bytes) { return bytes < huge_page ? alignment : std::align_val_t{huge_page}; }

void* from_system(std::size_t bytes) {
  system_calls.fetch_add(1, std::memory_order_relaxed);
  void* const memory = ::operator new(bytes, alignment_of(bytes));
#ifdef MADV_HUGEPAGE  // its whole ones only, so that no memory is lost; no harm where the system has none
  if (bytes >= huge_page) ::madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  return memory;
}
void to_system(void* memory, std::size_t bytes) noexcept { ::operator delete(memory, alignment_of(bytes)); }

/// Blocks that no thread keeps for itself.
class SharedPool {
 public:
  std::mutex mutex;

  void forget() {}  // what other threads kept for themselves is lost to a process that is forked
  void* take(std::size_t index, std::size_t bytes) {
    const std::lock_guard lock(mutex);
    void* memory = lists_[index].pop();
    if (memory != nullptr) held_ -= bytes;
    return memory;
  }
  void give(void* memory, SizeClass size) noexcept {
    {
      const std::lock_guard lock(mutex);
      if (held_ + size.bytes <= kept_by_all) {
        held_ += size.bytes;
        lists_[size.index].push(memory);
        return;
      }
    }
    to_system(memory, size.bytes);
  }
  void release() noexcept {
    const std::lock_guard lock(mutex);
    for (std::size_t index = 0; index < classes; ++index) {
      while (void* memory = lists_[index].pop()) to_system(memory, class_bytes(index));
    }
    held_ = 0;
  }

 private:
  std::array<FreeList, classes> lists_;
  std::size_t held_ = 0;
};

/// Never destroyed: tensors in static storage may be freed after everything else.
SharedPool& shared_pool() {
  static auto* const pool = [] {
    prepare_for_forks<shared_pool>();
    return new SharedPool;
  }();
  return *pool;
}

/// Blocks of one class that a thread keeps, and how many more it may: none before the first.
struct ThreadList {
  FreeList free;
  std::size_t room;
  std::size_t bytes;  // of a block; 0 before the first
};

/// Plain data, so that reaching it costs no check; `guard` hands the blocks over when the thread ends.
struct ThreadCache {
  std::array<ThreadList, classes> lists;
  bool registered, closed;
};
constinit thread_local ThreadCache cache{};

void drain_thread_cache() noexcept {
  for (std::size_t index = 0; index < classes; ++index) {
    ThreadList& list = cache.lists[index];
    while (void* memory = list.free.pop()) {
      shared_pool().give(memory, {index, list.bytes});
      ++list.room;
    }
  }
}

struct ThreadGuard {
  ~ThreadGuard() {
    drain_thread_cache();
    cache.closed = true;
    for (ThreadList& list : cache.lists) list.room = 0;
  }
};
void register_thread() {
  thread_local ThreadGuard guard;
  static_cast<void>(guard);
  cache.registered = true;
}

}  // namespace

#ifdef WENGERT_BYPASS_POOL  // the sanitizer sees the end of every block's life only if it really ends

void* allocate(std::size_t bytes) { return from_system(size_class(bytes).bytes); }
void deallocate(void* memory, std::size_t bytes) noexcept { to_system(memory, size_class(bytes).bytes); }

#else

namespace {

[[gnu::noinline]] void* allocate_elsewhere(std::size_t bytes) {
  const SizeClass size = size_class(bytes);
  if (size.index >= classes) throw std::bad_alloc();
  void* const memory = shared_pool().take(size.index, size.bytes);
  return memory != nullptr ? memory : from_system(size.bytes);
}

/// Where the thread keeps no more of this class, or keeps the first.
[[gnu::noinline]] void deallocate_elsewhere(void* memory, std::size_t bytes) noexcept {
  const SizeClass size = size_class(bytes);
  ThreadList& list = cache.lists[size.index];
  if (cache.closed || size.bytes >= large || list.bytes != 0) return shared_pool().give(memory, size);
  if (!cache.registered) register_thread();
  list = {{}, kept_by_thread / size.bytes - 1, size.bytes};
  list.free.push(memory);
}

}  // namespace

void* allocate(std::size_t bytes) {
  const std::size_t index = class_index(bytes);
  if (index >= classes || cache.lists[index].free.head == nullptr) return allocate_elsewhere(bytes);
  ++cache.lists[index].room;
  return cache.lists[index].free.pop();
}

void deallocate(void* memory, std::size_t bytes) noexcept {
  ThreadList& list = cache.lists[class_index(bytes)];
  if (list.room == 0) return deallocate_elsewhere(memory, bytes);
  --list.room;
  list.free.push(memory);
}

#endif

void populate([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef MADV_POPULATE_WRITE
  constexpr std::size_t page = 4096;  // or more, and then the call fails, or succeeds all the same
  if (std::align(page, page, memory, bytes) != nullptr) ::madvise(memory, bytes / page * page, MADV_POPULATE_WRITE);
#endif
}

void detail::at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) {
  pthread_atfork(before, in_parent, in_child);
}

std::uint64_t system_allocations() noexcept { return system_calls.load(std::memory_order_relaxed); }

void release_cached_memory() noexcept {
  drain_thread_cache();
  shared_pool().release();
}

}  // namespace wengert::kernels
