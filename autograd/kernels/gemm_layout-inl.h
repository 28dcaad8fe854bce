// Which operands of a product in blocks are laid out before they are multiplied, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_LAYOUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_LAYOUT_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_LAYOUT_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_LAYOUT_INL_H_
#endif

#include <cstddef>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// Rows of A packed at a time, for the second-level cache, and columns of B, for the third (m_c and n_c of BLIS).
constexpr std::size_t block_rows = 144, block_columns = 2048;

// Columns of a panel, the part of B that tiles multiply with one strip of A after the other.
template <typename T>
constexpr std::size_t panel_width = std::size_t{tile_vectors} * vector_length<T>;

// A is read well where it is. It is laid out for many panels of B, for fewer where it comes from memory, which
// packing reads along its rows, and for few where what a tile reads of it stands in its own place in the first-level
// cache (six rows do not fill that), or far apart.
template <typename T>
bool pays_to_pack_a(const Problem<T>& problem) {
  constexpr std::size_t few = 3, some = 5, fewer = 8, many = 32, megabyte = std::size_t{1} << 20;
  const auto& [data, row, column] = problem.a;
  const std::size_t panels = problem.n / panel_width<T>, step = (column == 1 ? row : column) * sizeof(T);
  if (problem.k < 32) return false;
  if (column == 1) return step % page == 0 && panels >= (are_tiles_short ? many : few);
  if (!are_far<T>(column) || problem.k < 64) return panels >= (problem.k * step >= 2 * megabyte ? fewer : many);
  return panels >= (are_tiles_short && step % page != 0 && problem.terms() * step <= megabyte ? some : few);
}

// Whether rows of B are contiguous, far apart, and more than the caches of most processors keep: of the whole B, of
// which a thread takes some columns.
template <typename T>
bool is_huge_b(const Problem<T>& problem) {
  return is_beyond(problem.b, problem.b.row * problem.k, std::size_t{16} << 20);
}

// Contiguous rows of B, that is: they are laid out for more rows of A than so many; for fewer where they are far apart,
// and stand in each other's place in the caches, or C's, or on more lines than they fill, or no cache keeps them.
template <typename T>
std::size_t rows_by_unpacked_b(const Problem<T>& problem, bool accumulate) {
  constexpr std::size_t many = 2 * block_rows;
  const std::size_t row_bytes = problem.b.row * sizeof(T);
  if (!are_far<T>(problem.b.row)) return many;
  if (are_tiles_short && row_bytes % page == 0 && problem.k >= 32) return 24;
  const bool is_half_page = row_bytes % (page / 2) == 0;
  const bool is_in_place_of_c = accumulate && is_half_page && problem.ldc * sizeof(T) % (page / 2) == 0;
  if (problem.k < (!are_tiles_short ? 129U : is_in_place_of_c ? 32U : 64U)) return many;
  if (row_bytes % page == 0 || row_bytes % (vector_length<T> * sizeof(T)) != 0) return 24;
  if (are_tiles_short && is_half_page) return 48;
  return !is_huge_b(problem) ? many : are_tiles_short ? 64 : 24;
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
