// The floating matrix product in blocks, compiled once per instruction set.

// The include guard of Highway for code that is compiled per target.
#if defined(WENGERT_AUTOGRAD_KERNELS_GEMM_BLOCKED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_AUTOGRAD_KERNELS_GEMM_BLOCKED_INL_H_
#undef WENGERT_AUTOGRAD_KERNELS_GEMM_BLOCKED_INL_H_
#else
#define WENGERT_AUTOGRAD_KERNELS_GEMM_BLOCKED_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include <hwy/highway.h>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/gemm_layout-inl.h>
#include <wengert/autograd/kernels/gemm_pack-inl.h>
#include <wengert/autograd/kernels/gemm_problem.h>
#include <wengert/autograd/kernels/gemm_ranges-inl.h>
#include <wengert/autograd/kernels/gemm_strips-inl.h>
#include <wengert/autograd/kernels/gemm_tile-inl.h>
#include <wengert/autograd/kernels/gemm_vectors-inl.h>
#include <wengert/autograd/kernels/memory.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

// The terms of a block. A B that is read once or twice, for few rows of A, is read as fast as rows of memory are
// foreseen, and those are no more than so many at a time; tiles of fewer rows are later at the next.
template <typename T>
std::size_t terms_of_block(const Problem<T>& problem) {
  constexpr std::size_t foreseen = are_tiles_short ? 64 : 32;
  const bool reads_b_once = problem.m < equal_bits_from && problem.b.column == 1 && are_far<T>(problem.b.row);
  return reads_b_once ? std::min(problem.k, foreseen) : problem.terms();
}

// Of a B that no cache keeps, so much of each row is packed at a time, of so many rows after each other: memory is read
// along them, and what is packed stays in the second-level cache.
constexpr std::size_t group_bytes = 1024, group_rows = 16;

// C = A · B in blocks: a block of B's rows is packed, then blocks of A, and their tiles multiplied. An operand that is
// read only a few times, or lies as packing would lay it, is read where it is.
template <typename T>
class BlockedProduct {
 public:
  BlockedProduct(const Problem<T>& problem, std::size_t terms, bool accumulate)
      : problem_(problem),
        accumulate_(accumulate),
        terms_(terms),
        packs_a_(pays_to_pack_a(problem)),
        packs_b_(problem.b.column != 1 || problem.m > rows_by_unpacked_b(problem, accumulate)),
        packs_groups_(packs_b_ && is_huge_b(problem)),
        packed_columns_(columns_to_pack()),
        packed_a_(packs_a_ ? terms_ * std::min(problem.m, block_rows) : 0),
        packed_b_(is_direct({0, problem.n}) ? 0 : terms_ * packed_columns_) {}

  void run() const {
    for (std::size_t j = 0; j < problem_.n; j += block_columns) {
      const Range columns = part({0, problem_.n}, j, block_columns);
      for (std::size_t p = 0; p < problem_.k; p += terms_) {
        const Range terms = part({0, problem_.k}, p, terms_);
        for (std::size_t i = 0; i < problem_.m; i += block_rows) {
          const Range rows = part({0, problem_.m}, i, block_rows);
          if (packs_a_) pack_a(rows, terms);
          multiply(rows, columns, terms);
        }
      }
    }
  }

 private:
  static constexpr std::size_t group_width = group_bytes / sizeof(T);
  static_assert(group_width % panel_width<T> == 0);

  // Whole vectors of contiguous columns may be read where they are.
  bool is_direct(Range columns) const {
    return !packs_b_ && (has_masked_access || columns.size % vector_length<T> == 0);
  }

  const T* a_at(std::size_t i, std::size_t p) const {
    return problem_.a.data + i * problem_.a.row + p * problem_.a.column;
  }
  const T* b_at(std::size_t p, std::size_t j) const {
    return problem_.b.data + p * problem_.b.row + j * problem_.b.column;
  }

  // All panels of a block where later rows read them again, or those of a group, or one.
  std::size_t columns_to_pack() const {
    const std::size_t most = problem_.m > block_rows ? block_columns : packs_groups_ ? group_width : panel_width<T>;
    return round_up(std::min(problem_.n, most), vector_length<T>);
  }
  T* packed_panel(Range panel, Range columns, Range terms) const {
    return packed_b_.at((panel.begin - columns.begin) % packed_columns_ * terms.size);
  }

  // Before a panel is read: it alone, or all of the group that it begins, each of which asks for the next but one.
  void pack_b(Range panel, Range columns, Range terms) const {
    if (!packs_groups_) return pack_panel(panel, columns, terms, terms);
    if ((panel.begin - columns.begin) % group_width != 0) return;
    const Range group = part(columns, panel.begin, group_width);
    for (std::size_t p = terms.begin; p < terms.end(); p += group_rows) {
      for (Range next = panel; next.size > 0; next = next_panel<T>(group, next.end()))
        pack_panel(next, columns, terms, part(terms, p, group_rows));
    }
  }

  void pack_panel(Range panel, Range columns, Range terms, Range some) const {
    const std::size_t width = round_up(panel.size, vector_length<T>), ahead = packs_groups_ ? 2 * panel_width<T> : 0;
    pack(b_at(some.begin, panel.begin), transpose(problem_.b), panel.size, some.size, width,
         packed_panel(panel, columns, terms) + (some.begin - terms.begin) * width, ahead);
  }

  // A transposed A along its rows of memory, so many terms at a time, while those that come next are asked for.
  void pack_a(Range rows, Range terms) const {
    constexpr std::size_t some_terms = 64 / sizeof(T);
    const std::size_t step = problem_.a.row == 1 ? some_terms : terms.size;
    for (std::size_t p = terms.begin; p < terms.end(); p += step) {
      const Range some = part(terms, p, step);
      for (Range strip = next_strip(rows, rows.begin); strip.size > 0; strip = next_strip(rows, strip.end())) {
        T* const packed = packed_a_.at((strip.begin - rows.begin) * terms.size);
        pack(a_at(strip.begin, some.begin), problem_.a, strip.size, some.size, strip.size,
             packed + (some.begin - terms.begin) * strip.size, some_terms * problem_.a.column);
      }
    }
  }

  // Packs `count` rows of A (columns of B, transposed) side by side, term after term.
  static void pack(const T* from, const MatrixOperand<T>& layout, std::size_t count, std::size_t terms,
                   std::size_t width, T* to, std::size_t ahead) {
    if (layout.row == 1) {
      pack_rows(from, layout.column, count, terms, width, to, ahead);
    } else {
      pack_transposed(from, layout.row, count, terms, width, to);
    }
  }

  // How the strips of a panel, so many, ask for the next panel of B: each for `step` rows.
  struct Asking {
    std::size_t strips, step, row;
  };

  // Each strip asks for so many rows, in the course of so many steps.
  static Ahead<T> ahead_of(const T* at, std::size_t row, std::size_t rows, std::size_t steps, std::size_t strip) {
    return {at, row, std::max<std::size_t>(rows_asked * steps / rows, 1), strip};
  }

  // A panel is read for the first time when it is packed, or where it lies. Its rows may be those of memory or, of a
  // transposed B, its columns. Only whole tiles ask, and one that is alone; for few terms one does, for as many rows as
  // it can, and the others ask for C.
  Asking asking_for_b(Range rows, Range terms, std::size_t steps) const {
    constexpr std::size_t for_one_strip = 32;
    const bool is_transposed = problem_.b.row == 1;
    const bool has_rest = rows.size % step_rows != 0 && rows.size > tile_rows;
    const std::size_t strips = quotient_up(rows.size, tile_rows) - (has_rest ? 1 : 0);
    const std::size_t of_strip = quotient_up(terms.size, terms.size <= for_one_strip ? 1 : strips);
    const std::size_t step = is_transposed ? panel_width<T> : std::min(of_strip, rows_asked * steps);
    return {std::min(strips, quotient_up(terms.size, step)), step, is_transposed ? problem_.b.column : problem_.b.row};
  }

  // Asked for is the end of each vector: what is before, on another line of the cache, belongs to the panel at hand,
  // too.
  Ahead<T> ahead_in_b(const Asking& asking, std::size_t steps, std::size_t strip, Range panel, Range terms) const {
    const T* const first = b_at(terms.begin + strip * asking.step, panel.begin);
    return ahead_of(first + vector_length<T> - 1, asking.row, asking.step, steps, asking.step * problem_.b.row);
  }

  // For a tile that does not ask for B: the next rows of an A whose rows are too short to be foreseen and stand one
  // after the other, where a panel is the first to read them; or where its results are to be written.
  Ahead<T> ahead_in_a_or_c(const Tile<T>& tile, std::size_t steps, Range strip, bool is_first_panel) const {
    constexpr std::size_t short_row = 64;
    if (is_first_panel && !packs_a_ && problem_.a.column == 1 && problem_.a.row == tile.k && tile.k <= short_row) {
      const std::size_t rows = quotient_up(tile.a_strip, panel_width<T>);
      return ahead_of(tile.a + tile.a_strip, panel_width<T>, rows, steps, tile.a_strip);
    }
    return ahead_of(tile.c + vector_length<T> - 1, problem_.ldc, strip.size, steps, strip.size * problem_.ldc);
  }

  // Tiles from then on read this panel of B, and write its columns.
  void set_panel(Tile<T>& tile, Range panel, Range columns, Range terms) const {
    const std::size_t width = round_up(panel.size, vector_length<T>);
    tile.c_last = panel.size + vector_length<T> - width;
    if (is_direct(panel)) {
      tile.b = b_at(terms.begin, panel.begin);
      tile.b_row = problem_.b.row;
      tile.b_last = tile.c_last;
    } else {
      tile.b = packed_panel(panel, columns, terms);
      tile.b_row = width;
      tile.b_last = vector_length<T>;
    }
  }

  // And so many strips of A, of which this is the first.
  void set_strips(Tile<T>& tile, Range rows, Range strip, std::size_t count, Range terms) const {
    tile.strips = count;
    if (packs_a_) {
      tile.a = packed_a_.at((strip.begin - rows.begin) * terms.size);
      tile.a_row = 1;
      tile.a_column = strip.size;
      tile.a_strip = strip.size * terms.size;
    } else {
      tile.a = a_at(strip.begin, terms.begin);
      tile.a_row = problem_.a.row;
      tile.a_column = problem_.a.column;
      tile.a_strip = strip.size * problem_.a.row;
    }
  }

  // The product over `terms`, written to C at rows × columns, or added to what earlier terms left there.
  void multiply(Range rows, Range columns, Range terms) const {
    const bool is_first = rows.begin == 0;
    // Near rows are foreseen: to ask for more would only take lines from the caches of other threads that write them.
    const bool is_far = !packs_groups_ && are_far<T>(std::max(problem_.b.row, problem_.b.column));
    const bool in_rows = !packs_a_ && problem_.a.column == 1;
    const StripsKind kind = kind_of_strips<T>(terms.size, packs_b_ ? panel_width<T> : problem_.b.row, in_rows);
    const std::size_t steps = terms.size / terms_of_step(kind);
    const Asking asking = is_far ? asking_for_b(rows, terms, steps) : Asking{};
    const bool asks_alone = rows.size <= tile_rows && problem_.b.column == 1;
    // The last panel asks for the first of the terms that come next, if they do.
    const bool are_last_rows = rows.end() == problem_.m;
    const Range terms_after = part({0, problem_.k}, are_last_rows ? terms.end() : problem_.k, terms_);
    Tile<T> tile = {.k = terms.size, .c_row = problem_.ldc, .accumulate = accumulate_ || terms.begin > 0};
    for (Range panel = next_panel<T>(columns, columns.begin), next; panel.size > 0; panel = next) {
      next = next_panel<T>(columns, panel.end());
      if (is_first && !is_direct(panel)) pack_b(panel, columns, terms);
      set_panel(tile, panel, columns, terms);
      const bool is_last = next.size == 0;
      const Range asked = is_last ? next_panel<T>(columns, columns.begin) : next;
      const Range asked_terms = is_last ? terms_after : terms;
      const bool asks_for_b = asked_terms.size > 0 && (is_first || is_last || is_direct(panel));
      const std::size_t asking_strips = asks_for_b ? asking.strips : 0;
      const std::size_t most_rows = packs_a_ || panel.size > vector_length<T> ? tile_rows : narrow_rows;
      std::size_t number = 0;
      for (Range strip = next_strip(rows, rows.begin, most_rows); strip.size > 0;
           strip = next_strip(rows, strip.begin + tile.strips * strip.size, most_rows)) {
        const bool is_whole = panel.size == panel_width<T> && strip.size % step_rows == 0;
        const bool asks = number < asking_strips && (is_whole || asks_alone);
        const std::size_t equal = is_whole ? equal_strips(rows, strip.begin) : 1;
        set_strips(tile, rows, strip, asks ? std::min(equal, asking_strips - number) : equal, terms);
        tile.c = problem_.c + strip.begin * problem_.ldc + panel.begin;
        tile.ahead = asks       ? ahead_in_b(asking, steps, number, asked, asked_terms)
                     : is_whole ? ahead_in_a_or_c(tile, steps, strip, panel.begin == columns.begin)
                                : Ahead<T>{tile.c};
        number += tile.strips;
        (is_whole ? strips_function<T>(strip.size, kind) : tile_function<T>(strip.size, panel.size))(tile);
      }
    }
  }

  const Problem<T>& problem_;
  bool accumulate_;  // to what C holds
  std::size_t terms_;
  bool packs_a_, packs_b_, packs_groups_;
  std::size_t packed_columns_;
  PoolArray<T> packed_a_;
  PoolArray<T> packed_b_;
};

// In blocks of so many terms; `accumulate`: added to what C holds.
template <typename T>
HWY_NOINLINE void multiply_in_blocks(const Problem<T>& problem, std::size_t terms, bool accumulate = false) {
  BlockedProduct<T>(problem, terms, accumulate).run();
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
