#pragma once

#include <cstdint>
#include <memory>

namespace wengert::kernels {

/// How many threads a kernel that is called on this thread may use, this one included.
int threads() noexcept;

/// How many all threads may use that have no ThreadLimit, from now on: 1 or more. The processors at the beginning, or
/// what the environment's WENGERT_THREADS says.
void set_threads(int count) noexcept;

/// While it lives, kernels that are called on the thread that made it use at most so many threads; less
/// than 1 counts as 1.
class ThreadLimit {
 public:
  explicit ThreadLimit(int most) noexcept;
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;
};

namespace detail {
using Piece = void (*)(const void* function, std::int64_t piece);
void run_pieces(std::int64_t pieces, Piece piece, const void* function);
using Range = void (*)(const void* function, std::int64_t begin, std::int64_t end);
void run_ranges(std::int64_t count, std::int64_t step, double work, std::int64_t most, Range range,
                const void* function);
}  // namespace detail

/// Calls f(0) … f(pieces − 1), each once, in any order: on this thread, and on threads of the process's pool that have
/// nothing else to do. Returns when all are done; passes on one of the exceptions. Each of several pieces runs on one
/// thread. Results must not depend on who computes what: pieces write to memory of their own.
template <typename F>
void parallel_for(std::int64_t pieces, const F& f) {
  if (pieces <= 1 || threads() == 1) {
    for (std::int64_t piece = 0; piece < pieces; ++piece) f(piece);
    return;
  }
  const auto call = [](const void* function, std::int64_t piece) { (*static_cast<const F*>(function))(piece); };
  detail::run_pieces(pieces, call, std::addressof(f));
}

/// So many for each thread keep all of them evenly busy; fewer may do where every piece costs something besides.
constexpr std::int64_t pieces_per_thread = 4;

/// So many pieces that each is worth handing over, and no more for each thread than `most`. `work` is in multiply-adds
/// of f32 in vectors, some fifty to the nanosecond, or what takes as long.
std::int64_t pieces_of(double work, std::int64_t most = pieces_per_thread) noexcept;
/// Whether that are two pieces at least, where there are threads for them.
bool is_worth_dividing(double work) noexcept;

/// The work of `count` elements that cost so much each, if they are f32: more where they take more memory.
inline double work_of(double cost, std::int64_t count, std::size_t size_of_element) noexcept {
  return cost * static_cast<double>(count) * static_cast<double>(size_of_element) / sizeof(float);
}
template <typename T>
double work_of(double cost, std::int64_t count) noexcept {
  return work_of(cost, count, sizeof(T));
}

/// Calls f(begin, end) for intervals that make up [0, count), whole multiples of `step` but for the last: as pieces, as
/// many as `work` is worth.
template <typename F>
void parallel_ranges(std::int64_t count, std::int64_t step, double work, const F& f,
                     std::int64_t most = pieces_per_thread) {
  if (!is_worth_dividing(work)) return f(std::int64_t{0}, count);
  const auto call = [](const void* function, std::int64_t begin, std::int64_t end) {
    (*static_cast<const F*>(function))(begin, end);
  };
  detail::run_ranges(count, step, work, most, call, std::addressof(f));
}

}  // namespace wengert::kernels
