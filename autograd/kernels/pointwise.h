#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/kernels/piecewise_reduction.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {

/// The indices of a result that an input has elements for, from `low` short of `high` along each dimension: at least
/// one. Elsewhere it is `outside`. What is repeated (stride 0) is there along the whole dimension.
struct PointwiseWindow {
  std::vector<std::int64_t> low = {}, high = {};
  double outside = 0;
};

/// Memory that a program reads. `strides` are in elements, one per dimension of the result; 0 repeats. At `data` is the
/// first element that there is. What is `padded` may be read up to the end of its last block (primitives.h).
struct PointwiseInput {
  const void* data = nullptr;
  DType dtype = DType::f32;
  const std::int64_t* strides = nullptr;
  bool padded = false;
  const PointwiseWindow* window = nullptr;  ///< null: all
};

/// Rows of `run` elements, one beginning `step` elements after the other; where `run` is 0, all in order.
struct PointwiseRows {
  std::int64_t run = 0, step = 0;

  std::int64_t place(std::int64_t element) const { return run == 0 ? element : element / run * step + element % run; }
  /// Whether rows of so many bytes are read and written where they are: whole blocks of a primitive, and enough of them
  /// for a tile. Others are copied row by row.
  static constexpr bool are_long(std::size_t bytes) { return bytes >= 8 * block_bytes && bytes % block_bytes == 0; }
};

/// Memory that a program writes: row-major, of the result's shape, contiguous or in rows. May be the very memory of an
/// input of the same dtype and shape (written tile by tile, after the tile was read). What is `padded` may be written
/// up to the end of its last block. What is reduced is not in rows.
struct PointwiseOutput {
  void* data = nullptr;
  DType dtype = DType::f32;
  bool padded = false;
  PointwiseRows rows = {};
};

/// A reduction of what a program computes, done while it is in the cache. An output that is reduced need not be kept:
/// it then has no `data`.
struct PointwiseReduction {
  std::size_t output = 0;
  ReducedArray array = {};  ///< the output's elements in order, and its dtype
  void* data = nullptr;
};

/// What makes an input as it is read, block by block, from other memory: it is never there as a whole. The elements are
/// those of the result, in order.
struct PointwiseMaker {
  using Make =
      std::function<void(std::span<const void* const> from, std::int64_t first, std::int64_t count, void* elements)>;

  std::size_t input = 0;   ///< its `data` is not looked at
  std::int64_t block = 0;  ///< elements: made are whole blocks, the first from 0 on, and the rest
  double work = 0;         ///< of all of them (threads.h)
  Make make = {};
};

/// A maker, and the memory that it reads.
struct PointwiseSource {
  const PointwiseMaker& maker;
  std::span<const void* const> from = {};
};

/// What takes an output as it is computed, block by block, and makes something of each: the output is never there as a
/// whole. It is as many matrices, one behind the other, and blocks begin anew in each of them.
struct PointwiseTaker {
  using Take = std::function<void(std::span<const void* const> from, std::int64_t first, std::int64_t count,
                                  const void* elements, std::byte* room)>;

  std::size_t output = 0;              ///< it has no `data`
  std::int64_t matrix = 0, block = 0;  ///< elements
  double work = 0;                     ///< of all of them (threads.h)
  std::size_t bytes = 0;               ///< of what it makes of all blocks
  Take take = {};                      ///< `from` is what it reads besides
  std::function<void(const std::byte* room, void* result)> finish = {};
};

/// A taker, the memory that it reads besides, and room for what it makes.
struct PointwiseSink {
  const PointwiseTaker& taker;
  std::span<const void* const> from = {};
  std::byte* room = nullptr;
};

/// Where the operands of one tile are, inputs before outputs, and room for what a run needs besides. Next to a tiny
/// run, clearing it would show.
class TileSlots {
 public:
  static constexpr std::size_t most = 64;

  void set(std::size_t i, const void* data, bool is_whole = true) {
    new (first() + i) Operand{data, is_whole ? ~std::size_t{0} : 0};
  }
  Operand* first() { return reinterpret_cast<Operand*>(room_); }

 private:
  alignas(Operand) std::byte room_[most * sizeof(Operand)];  // NOLINT(*-avoid-c-arrays)
};

/// A program made ready to run: registers assigned, primitives chosen for this machine's instruction set.
/// Immutable after construction; may be run by many threads at once. Allocates from the pool alone.
///
/// All arithmetic happens in `compute` (f32, f64, i32 or i64); inputs of another dtype are converted as
/// they are read (exactly, or rounded to nearest), results as they are written: to `boolean` as "not zero", from
/// floating to integer by truncation, saturating, NaN as 0; between integers modulo 2ⁿ.
/// An element's result depends on its operands alone, never on its place in the tensor or on the tiling.
class PointwiseKernel {
 public:
  /// `native` computes what the program does; every output of that is the result of an instruction of its own.
  explicit PointwiseKernel(Program program, NativePointwise native = {});
  ~PointwiseKernel();
  PointwiseKernel(PointwiseKernel&&) noexcept;
  PointwiseKernel& operator=(PointwiseKernel&&) noexcept;

  const Program& program() const;
  bool is_native() const;

  /// Runs over `shape` (rank ≤ 8; an empty shape is one element). `uniforms` are rounded to `compute`. All reductions
  /// of a run are over arrays that have the same pieces, and blocks of a source or of a sink, if there is one, are
  /// whole pieces; there are not both.
  void run(DType compute, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
           std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape,
           std::span<const PointwiseReduction> reductions = {}, const PointwiseSource* source = nullptr,
           const PointwiseSink* sink = nullptr) const;

  /// Some elements of such a run, from `first` on, on this thread; in f32 or f64, and of whole blocks unless they are
  /// the last. Nothing is reduced.
  void run_part(DType compute, std::span<const PointwiseInput> inputs, std::span<const double> uniforms,
                std::span<const PointwiseOutput> outputs, std::span<const std::int64_t> shape, std::int64_t first,
                std::int64_t count) const;

  /// How many elements a plain run may have: those of a tile. 0 where `compute` cannot do all that is asked, or more is
  /// asked than there is room for.
  std::int64_t most_plain_elements(DType compute) const;
  /// Runs over 1 … so many elements in order, of inputs and outputs that are all `compute` and padded. An input that is
  /// not whole is one element; an output may be the memory of an input.
  void run_plain(DType compute, TileSlots& slots, std::span<const double> uniforms, std::int64_t elements) const;

 private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};

}  // namespace wengert::kernels
