// How rows and columns of a product are cut into tiles, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_RANGES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_RANGES_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_RANGES_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_RANGES_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

struct Range {
  std::size_t begin;
  std::size_t size;
  constexpr std::size_t end() const { return begin + size; }
};

// The part of `whole` that starts at `begin`, of `size` or what is left.
constexpr Range part(Range whole, std::size_t begin, std::size_t size) {
  return {begin, std::min(size, whole.end() - begin)};
}

// The next rows from `begin` that make a tile of so many rows at most: the last two tiles as even as can be in steps of
// step_rows, so that no thin tile remains, in which few sums would wait for each other.
inline Range next_strip(Range rows, std::size_t begin, std::size_t most = tile_rows) {
  const std::size_t left = rows.end() - begin;
  const bool are_last_two = left > most && left <= 2 * most;
  return part(rows, begin, are_last_two ? round_up(quotient_up(left, 2), step_rows) : most);
}

// How many strips from `begin` on are surely of the size of the next one.
inline std::size_t equal_strips(Range rows, std::size_t begin) {
  const std::size_t left = rows.end() - begin;
  return left > 2 * tile_rows ? (left - tile_rows) / tile_rows : 1;
}

// The next columns from `begin` that make a panel: two vectors, or one where half a vector will do for what is left.
template <typename T>
Range next_panel(Range columns, std::size_t begin) {
  constexpr std::size_t v = vector_length<T>;
  const std::size_t left = columns.end() - begin;
  return part(columns, begin, has_half_vectors && left > v && left <= v + v / 2 ? v : tile_vectors * v);
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
