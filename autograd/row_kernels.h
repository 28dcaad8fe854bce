#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

/// What an operation may give a replay (`Operation::prepare_rows`, `Operation::prepare_terms`) that computes a part of
/// its result where that is read, or where what it reads is made.

namespace wengert {

/// What computes rows of a result that is one matrix, or several one behind the other.
struct RowKernel {
  std::int64_t rows = 0, columns = 0;  ///< of one matrix
  double work = 0;                     ///< of all, in multiply-adds
  /// Whether a row needs but the same row of the first input, and all of the others.
  bool is_by_rows = false;
  /// `count` rows from `first` on, all of one matrix. Not fewer than `fewest`, nor columns: then their bits do not
  /// depend on how many they are.
  std::function<void(std::span<const void* const> inputs, std::int64_t first, std::int64_t count, void* rows)> run = {};
  static constexpr std::int64_t fewest = 16;
};

/// What computes the share that rows of the last input have in a result, and adds up such shares. That input is as many
/// matrices, one behind the other, as the result has.
struct TermKernel {
  std::int64_t matrices = 1, rows = 0, columns = 0;  ///< of the last input
  std::int64_t block = 0;                            ///< rows of a share, from the first of each matrix on, or the rest
  std::size_t bytes = 0;                             ///< of a share
  double work = 0;                                   ///< of all, in multiply-adds
  /// A share: of `count` rows from `first` on, counted through all matrices. `others` are the inputs before the last.
  std::function<void(std::span<const void* const> others, std::int64_t first, std::int64_t count, const void* rows,
                     void* share)>
      run = {};
  /// The result of the shares, in the order of their rows: the bits of the operation's own kernel.
  std::function<void(const void* shares, void* result)> add_up = {};

  std::int64_t blocks() const { return (rows + block - 1) / block; }  ///< of each matrix
  std::size_t all_bytes() const { return static_cast<std::size_t>(matrices * blocks()) * bytes; }
};

}  // namespace wengert
