#include <algorithm>
#include <cstddef>
#include <mutex>

#include <sys/mman.h>

#include <wengert/autograd/kernels/fork.h>
#include <wengert/autograd/kernels/machine_code.h>

namespace wengert::kernels {
namespace {

constexpr std::size_t cache_line = 64;
std::size_t whole_lines(std::size_t bytes) { return (bytes + cache_line - 1) / cache_line * cache_line; }

/// Memory that is seen at two addresses: at one it is written, at the other it is run.
class Chunk {
 public:
  explicit Chunk(std::size_t bytes) : bytes_(bytes) {
    written_ = memory_or_null(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (written_ == nullptr) return;
    run_ = memory_or_null(mremap(written_, 0, bytes, MREMAP_MAYMOVE));  // of 0 bytes: the same memory once more
    can_run_ = run_ != nullptr && mprotect(run_, bytes, PROT_READ | PROT_EXEC) == 0;
  }
  ~Chunk() {
    if (written_ != nullptr) munmap(written_, bytes_);
    if (run_ != nullptr) munmap(run_, bytes_);
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  bool can_run() const { return can_run_; }
  bool has_room(std::size_t bytes) const { return used_ + bytes <= bytes_; }

  void* add(std::span<const std::uint8_t> code) {
    std::copy(code.begin(), code.end(), written_ + used_);
    void* const place = run_ + used_;
    used_ += whole_lines(code.size());
    return place;
  }

 private:
  static std::uint8_t* memory_or_null(void* memory) {
    return memory == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(memory);
  }

  std::size_t bytes_, used_ = 0;
  std::uint8_t *written_ = nullptr, *run_ = nullptr;
  bool can_run_ = false;
};

constexpr std::size_t chunk_bytes = std::size_t{64} << 10;

struct Shelf {
  std::mutex mutex;
  std::shared_ptr<Chunk> open;  // goes when all its code has gone, and it is full

  /// A process that is forked shares the memory, but does not know what is written there from then on.
  void forget() { open.reset(); }
};
Shelf& shelf() {
  static Shelf* const the_one = [] {
    prepare_for_forks<shelf>();
    return new Shelf;  // code may be placed and go while the process ends
  }();
  return *the_one;
}

}  // namespace

bool can_place_code() {
  static const bool can = Chunk(chunk_bytes).can_run();
  return can;
}

std::shared_ptr<void> place_code(std::span<const std::uint8_t> code) {
  const std::lock_guard lock(shelf().mutex);
  std::shared_ptr<Chunk>& open = shelf().open;
  if (open == nullptr || !open->has_room(code.size())) {
    auto fresh = std::make_shared<Chunk>(std::max(chunk_bytes, code.size()));
    if (!fresh->can_run()) return nullptr;
    open = std::move(fresh);
  }
  return {open, open->add(code)};
}

}  // namespace wengert::kernels
