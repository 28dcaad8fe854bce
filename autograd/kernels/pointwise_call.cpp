#include <cstddef>
#include <utility>

#include <wengert/autograd/kernels/pointwise_call.h>
#include <wengert/autograd/kernels/pointwise_tiles.h>
#include <wengert/autograd/kernels/room.h>

namespace wengert::kernels {

PointwiseCall::PointwiseCall(const PointwiseKernel& kernel, PointwiseDescription description)
    : kernel_(kernel),
      description_(std::move(description)),
      elements_(elements_of(description_.shape)),
      is_plain_(is_plain()) {}

bool PointwiseCall::is_plain() const {
  const auto& [compute, inputs, uniforms, outputs, shape, reductions, maker, taker] = description_;
  const bool is_small = elements_ > 0 && elements_ <= kernel_.most_plain_elements(compute);
  const bool is_simple = shape.size() == 1 && reductions.empty() && !maker && !taker;
  return is_small && is_simple && are_plain(compute, elements_, inputs, outputs);
}

void PointwiseCall::run(std::span<const void* const> reads, std::span<void* const> writes) const {
  if (!is_plain_) return run_in_tiles(reads, writes);
  const std::size_t inputs = description_.inputs.size();
  TileSlots slots;
  for (std::size_t i = 0; i < inputs; ++i) slots.set(i, reads[i], description_.inputs[i].strides[0] != 0);
  for (std::size_t k = 0; k < description_.outputs.size(); ++k) slots.set(inputs + k, writes[k]);
  kernel_.run_plain(description_.compute, slots, description_.uniforms, elements_);
}

/// Shows a run its operands.
template <typename Run>
void PointwiseCall::in_tiles(std::span<const void* const> reads, std::span<void* const> writes, const Run& run) const {
  const auto& inputs = description_.inputs;
  Room<PointwiseInput> given(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const PointwiseWindow* const window = inputs[i].window ? &*inputs[i].window : nullptr;
    given.set(i, {reads[i], inputs[i].dtype, inputs[i].strides.data(), inputs[i].padded, window});
  }
  Room<PointwiseOutput> results(description_.outputs.size());
  for (std::size_t k = 0; k < description_.outputs.size(); ++k) {
    PointwiseOutput result = description_.outputs[k];
    result.data = writes[k];
    results.set(k, result);
  }
  run(given.all(), results.all());
}

void PointwiseCall::run_in_tiles(std::span<const void* const> reads, std::span<void* const> writes) const {
  const auto& reductions = description_.reductions;
  Room<PointwiseReduction> reduced(reductions.size());
  for (std::size_t i = 0; i < reductions.size(); ++i)
    reduced.set(i, {reductions[i].output, reductions[i].array, writes[description_.outputs.size() + i]});
  const auto run = [&](const PointwiseSource* source, const PointwiseSink* sink) {
    in_tiles(reads, writes, [&](auto inputs, auto outputs) {
      kernel_.run(description_.compute, inputs, description_.uniforms, outputs, description_.shape, reduced.all(),
                  source, sink);
    });
  };
  const auto others = reads.subspan(description_.inputs.size());
  if (description_.maker) {
    const PointwiseSource source{*description_.maker, others};
    run(&source, nullptr);
  } else if (description_.taker) {
    const PoolArray<std::byte> room(description_.taker->bytes);
    const PointwiseSink sink{*description_.taker, others, room.at(0)};
    run(nullptr, &sink);
    description_.taker->finish(room.at(0), writes.back());
  } else {
    run(nullptr, nullptr);
  }
}

void PointwiseCall::run_rows(std::span<const void* const> reads, std::span<void* const> writes, std::int64_t rows,
                             std::int64_t first, std::int64_t count) const {
  const std::int64_t columns = elements_ / rows;
  in_tiles(reads, writes, [&](auto inputs, auto outputs) {
    kernel_.run_part(description_.compute, inputs, description_.uniforms, outputs, description_.shape, first * columns,
                     count * columns);
  });
}

}  // namespace wengert::kernels
