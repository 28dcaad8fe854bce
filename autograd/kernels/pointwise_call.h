#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <wengert/autograd/kernels/pointwise.h>

namespace wengert::kernels {

/// Of an operand that a call reads: all but where it is.
struct PointwiseOperand {
  DType dtype = DType::f32;
  bool padded = false;
  std::vector<std::int64_t> strides = {};  ///< in elements, one per dimension of the result
  std::optional<PointwiseWindow> window = {};
};

/// All that a run of a kernel is told but where its memory is: said once, run many times on other memory.
struct PointwiseDescription {
  DType compute = DType::f32;
  std::vector<PointwiseOperand> inputs = {};
  std::vector<double> uniforms = {};
  std::vector<PointwiseOutput> outputs = {};
  std::vector<std::int64_t> shape = {};
  std::vector<PointwiseReduction> reductions = {};
  std::optional<PointwiseMaker> maker = {};
  std::optional<PointwiseTaker> taker = {};  ///< not beside a maker
};

/// A kernel with a description. Immutable; may be run by many threads at once. The kernel must live as long.
class PointwiseCall {
 public:
  PointwiseCall(const PointwiseKernel& kernel, PointwiseDescription description);

  /// `reads`: the inputs, then what the maker or the taker reads. `writes`: the outputs (null for those that are not
  /// kept), then the results of the reductions, then the taker's.
  void run(std::span<const void* const> reads, std::span<void* const> writes) const;
  /// Some rows, of all along the first axis, on this thread; where nothing is reduced or made, in f32 or f64.
  void run_rows(std::span<const void* const> reads, std::span<void* const> writes, std::int64_t rows,
                std::int64_t first, std::int64_t count) const;

 private:
  template <typename Run>
  void in_tiles(std::span<const void* const> reads, std::span<void* const> writes, const Run& run) const;
  void run_in_tiles(std::span<const void* const> reads, std::span<void* const> writes) const;
  bool is_plain() const;

  const PointwiseKernel& kernel_;
  PointwiseDescription description_;
  std::int64_t elements_;
  bool is_plain_;  // one tile of operands that stand as primitives read and write them
};

}  // namespace wengert::kernels
