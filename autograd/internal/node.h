#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <wengert/autograd/logits.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tensor.h>

/// What is behind the handles.

namespace wengert::detail {

struct Buffer;

/// A tensor: never changed once its handle was given away. `serial` and `number` say which list it is a value of, and
/// which value; with the bit `walked`, that it came of a walk that nobody recorded, and which tape's.
struct TensorNode {
  static constexpr std::uint64_t walked = std::uint64_t{1} << 63;

  std::atomic<std::uint32_t> references;
  std::uint32_t number;
  std::uint64_t serial;  // 0: of none
  Buffer* buffer;
  TensorNode* logits = nullptr;  // of probabilities: what they were computed from, and by which function
  LogitsOf logits_of = {};
  DType dtype;
  Shape shape;

  TensorNode(DType type, const Shape& extents, Buffer* memory)
      : references(1), number(0), serial(0), buffer(memory), dtype(type), shape(extents) {}
};

/// Memory shared by tensors, the first of which lies in it. Elements follow in the same pooled block, which is whole
/// blocks of a primitive long, or belong to somebody else, whom `owner` may keep alive.
struct Buffer {
  static constexpr std::size_t header_bytes = 192;  // keeps the elements aligned as the block is

  std::atomic<std::uint32_t> references;
  std::atomic<std::uint64_t> identity{0};  // given when first asked for, and to no other buffer of the process
  std::size_t block_bytes;
  void* elements;
  std::shared_ptr<const void> owner;
  TensorNode first;

  Buffer(DType dtype, const Shape& shape, std::size_t whole_block_bytes)
      : references(1),
        block_bytes(whole_block_bytes),
        elements(reinterpret_cast<std::byte*>(this) + header_bytes),
        first(dtype, shape, this) {}
  bool is_own() const { return elements == reinterpret_cast<const std::byte*>(this) + header_bytes; }
};
static_assert(sizeof(Buffer) <= Buffer::header_bytes);

struct ParameterState {
  Tensor value;
  std::string name;
  bool is_assigned = false;
};

/// The library's own way into handles.
struct Access {
  static TensorNode* node(const Tensor& tensor) { return tensor.node_; }
  /// Throws ValueError for an undefined handle.
  static TensorNode& checked(const Tensor& tensor) {
    if (tensor.node_ == nullptr) refuse_undefined();
    return *tensor.node_;
  }
  static Tensor adopt(TensorNode* node) {
    Tensor tensor;
    tensor.node_ = node;
    return tensor;
  }
  /// A new tensor with uninitialised elements.
  static Tensor make(DType dtype, const Shape& shape);
  /// The same elements under another shape and as no list's value.
  static Tensor alias(const Tensor& tensor, const Shape& shape);
  static Tensor alias(const Tensor& tensor) { return alias(tensor, checked(tensor).shape); }
  /// The same value of the list as a handle of its own, which carries no logits.
  static Tensor same_value(const Tensor& tensor) {
    Tensor same = alias(tensor);
    node(same)->serial = node(tensor)->serial;
    node(same)->number = node(tensor)->number;
    return same;
  }
  /// Whether the elements may be read up to the end of their last block (kernels/primitives.h).
  static bool is_padded(const Tensor& tensor) { return node(tensor)->buffer->is_own(); }
  static const void* elements(const Tensor& tensor) { return node(tensor)->buffer->elements; }
  static void* elements(Tensor& tensor) { return node(tensor)->buffer->elements; }
  static const std::shared_ptr<ParameterState>& state(const Parameter& parameter) { return parameter.state_; }
  static Parameter parameter(std::shared_ptr<ParameterState> state);

 private:
  [[noreturn]] static void refuse_undefined();
};

}  // namespace wengert::detail
