#include <algorithm>
#include <bit>
#include <initializer_list>
#include <utility>

#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/internal/replay.h>

/// How the records of a graph are computed: by kernels that are made once for all that do the same.

namespace wengert::detail {
namespace {

std::int64_t rows_of(const GraphRecord& record) {
  const Shape& shape = record.outputs[0].shape;
  return shape.rank() == 0 || shape[0] == 0 ? 1 : shape[0];
}

}  // namespace

const Replay::Kernel& Replay::kernel_of(const GraphRecord& record) {
  if (!record.is_pointwise() && !record.operation->prepare) return unshared_.emplace_back(call_with_tensors(record));
  const std::uint32_t number = kernel_number_(words_of(record));
  if (number == kernels_.size())
    kernels_.push_back(record.is_pointwise() ? pointwise_kernel(record) : prepared_kernel(record));
  return kernels_[number];
}

/// What makes two records do the same, on other memory.
Numbering::Words Replay::words_of(const GraphRecord& record) const {
  Numbering::Words words;
  const auto word = [](auto number) { return static_cast<std::uint64_t>(number); };
  const auto address = [](const void* thing) { return std::uint64_t{reinterpret_cast<std::uintptr_t>(thing)}; };
  const auto add = [&](std::initializer_list<std::uint64_t> numbers) { words.insert(words.end(), numbers); };
  const auto add_uses = [&](const std::vector<Use>& uses) {
    for (const Use& use : uses) {
      const GraphValue& value = graph_.values[use.value];
      add({word(value.dtype), word(is_padded(use.value)), word(value.is_in_order())});
      add_words(words, use.shape);
      if (value.is_in_order()) continue;
      const auto& [first, strides, low, high, outside] = value.part->view;
      add({low.size(), std::bit_cast<std::uint64_t>(outside)});
      for (const Ints& places : {strides, low, high}) words.insert(words.end(), places.begin(), places.end());
    }
  };
  add({address(record.operation), address(record.fused.get()), word(record.compute)});
  add_words(words, record.attributes);
  add_uses(record.inputs);
  add_uses(record.outputs);
  for (const auto& [operation, output, array] : record.reductions)
    add({address(operation), output, word(array.outer), word(array.n), word(array.inner)});
  if (record.streamed) {
    const auto& [operation, attributes, input, operands, block] = *record.streamed;
    add({address(operation), input, operands, word(block)});
    add_words(words, attributes);
  }
  if (record.taken) {
    const auto& [operation, attributes, output, use, operands] = *record.taken;
    add({address(operation), output, operands});
    add_words(words, attributes);
    add_words(words, use.shape);
  }
  return words;
}

Replay::Kernel Replay::pointwise_kernel(const GraphRecord& record) {
  const kernels::PointwiseKernel* kernel =
      record.fused == nullptr ? &record.operation->pointwise->kernel()
                              : &programs_.try_emplace(record.fused.get(), *record.fused).first->second;
  const auto call = std::make_shared<const kernels::PointwiseCall>(*kernel, description_of(record));
  return {[call](auto reads, auto writes) { call->run(reads, writes); },
          [call, rows = rows_of(record)](auto reads, auto writes, std::int64_t first, std::int64_t count) {
            call->run_rows(reads, writes, rows, first, count);
          }};
}

Replay::Kernel Replay::prepared_kernel(const GraphRecord& record) const {
  const std::vector<Tensor> types = types_of(graph_, record.inputs);
  Kernel kernel{record.operation->prepare(types, record.attributes)};
  if (record.operation->prepare_rows) {
    const std::size_t row_bytes =
        graph_.values[record.outputs[0].value].bytes() / static_cast<std::size_t>(rows_of(record));
    kernel.run_rows = [rows = record.operation->prepare_rows(types, record.attributes), row_bytes](
                          auto reads, auto writes, std::int64_t first, std::int64_t count) {
      rows.run(reads, first, count, static_cast<std::byte*>(writes[0]) + static_cast<std::size_t>(first) * row_bytes);
    };
  }
  return kernel;
}

kernels::PointwiseDescription Replay::description_of(const GraphRecord& record) const {
  kernels::PointwiseDescription description{.compute = record.compute};
  const Shape& shape = record.outputs[0].shape;
  const std::int64_t total = shape.elements();
  // Every input has all elements of the result in order, or one: then the shape does not matter.
  const auto read = record.read();
  const bool is_flat = std::all_of(read.begin(), read.end(), [&](const Use& use) {
    return (use.shape.elements() == total && graph_.values[use.value].is_in_order()) || use.shape.elements() == 1;
  });
  if (is_flat) {
    description.shape = {total};
  } else {
    description.shape.assign(shape.begin(), shape.end());
  }
  for (const Use& use : read) {
    const Ints strides = is_flat ? Ints{use.shape.elements() == total ? 1 : 0} : strides_of(graph_, use, shape);
    description.inputs.push_back(
        {graph_.values[use.value].dtype, is_padded(use.value), {strides.begin(), strides.end()}});
    if (!is_flat) description.inputs.back().window = window_of(graph_, use, shape);
  }
  if (record.fused == nullptr) {
    for (const Attributes::Entry& entry : record.attributes)
      description.uniforms.push_back(std::get<double>(entry.value));
  }
  for (const Use& use : record.computed()) {
    const GraphValue& value = graph_.values[use.value];
    description.outputs.push_back({nullptr, value.dtype, is_padded(use.value)});
    if (!value.is_in_order()) description.outputs.back().rows = layout_of(use.shape, value.part->view);
  }
  for (const Reduced& reduced : record.reductions) description.reductions.push_back({reduced.output, reduced.array});
  description.maker = maker_of(record);
  description.taker = taker_of(record);
  return description;
}

std::optional<kernels::PointwiseMaker> Replay::maker_of(const GraphRecord& record) const {
  if (!record.streamed) return std::nullopt;
  const auto& [operation, attributes, input, operands, block] = *record.streamed;
  const RowKernel kernel =
      operation->prepare_rows(types_of(graph_, std::span(record.inputs).last(operands)), attributes);
  const auto make = [kernel](auto from, std::int64_t first, std::int64_t count, void* to) {
    kernel.run(from, first / kernel.columns, count / kernel.columns, to);
  };
  return kernels::PointwiseMaker{input, block, kernel.work, make};
}

std::optional<kernels::PointwiseTaker> Replay::taker_of(const GraphRecord& record) const {
  if (!record.taken) return std::nullopt;
  const TermKernel kernel =
      *record.taken->operation->prepare_terms(types_of(graph_, record.inputs_of_taken()), record.taken->attributes);
  const std::int64_t matrix = kernel.rows * kernel.columns, block = kernel.block * kernel.columns;
  const auto take = [kernel, matrix, block](auto from, std::int64_t first, std::int64_t count, const void* elements,
                                            std::byte* room) {
    const std::int64_t number = first / matrix * kernel.blocks() + first % matrix / block;
    kernel.run(from, first / kernel.columns, count / kernel.columns, elements,
               room + static_cast<std::size_t>(number) * kernel.bytes);
  };
  return kernels::PointwiseTaker{record.taken->output, matrix, block,        kernel.work,
                                 kernel.all_bytes(),   take,   kernel.add_up};
}

/// Of an operation that is not prepared: it is given tensors again and again.
Replay::Kernel Replay::call_with_tensors(const GraphRecord& record) {
  std::vector<Tensor> inputs, outputs;
  for (const Use& use : record.inputs) inputs.push_back(operand(use));
  for (const Use& use : record.outputs) outputs.push_back(operand(use));
  return {[&record, inputs = std::move(inputs), outputs = std::move(outputs)](auto, auto) mutable {
    record.operation->kernel(inputs, record.attributes, outputs);
  }};
}

}  // namespace wengert::detail
