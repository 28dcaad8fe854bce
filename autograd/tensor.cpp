#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/tensor.h>

namespace wengert {
namespace {

using detail::Buffer;
using detail::TensorNode;

/// A tensor in a block of its own, with room for so many bytes of elements.
inline TensorNode* make_block(DType dtype, const Shape& shape, std::size_t bytes) {
  const std::size_t block_bytes = Buffer::header_bytes + kernels::whole_blocks(bytes);
  auto* const buffer = new (kernels::allocate(block_bytes)) Buffer(dtype, shape, block_bytes);
  return &buffer->first;
}

/// Takes a reference away; true where it was the last. One that nobody shares is not even counted.
bool is_last(std::atomic<std::uint32_t>& references) noexcept {
  return references.load(std::memory_order_acquire) == 1 || references.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

void release(Buffer* buffer) noexcept {
  if (!is_last(buffer->references)) return;
  const std::size_t bytes = buffer->block_bytes;
  buffer->~Buffer();
  kernels::deallocate(buffer, bytes);
}

template <typename T>
bool holds(Number value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isfinite(static_cast<T>(value.real())) || !std::isfinite(value.real());
  } else if constexpr (std::is_same_v<T, bool>) {
    return value.real() == 0 || value.real() == 1;
  } else {
    if (value.is_integral()) {
      return value.integer() >= std::numeric_limits<T>::min() && value.integer() <= std::numeric_limits<T>::max();
    }
    // 2⁶³ itself is a double but no i64, hence the strict comparison with the power above the maximum.
    return value.real() == std::trunc(value.real()) &&
           value.real() >= static_cast<double>(std::numeric_limits<T>::min()) &&
           value.real() < std::ldexp(1.0, std::numeric_limits<T>::digits);
  }
}

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

/// Whether an integer that was given is the double it counts as.
bool is_double(Number number) {
  const double real = number.real();
  const std::int64_t integer = number.integer();
  if (number.is_integral()) return real < 0x1p63 && static_cast<std::int64_t>(real) == integer;
  return integer == 0 || (real < 0x1p64 && static_cast<std::uint64_t>(real) == bits(integer));
}

std::string text_of(Number number) {
  if (number.is_integral()) return fmt::format("{}", number.integer());
  return number.integer() != 0 ? fmt::format("{}", bits(number.integer())) : fmt::format("{}", number.real());
}

template <typename T>
T convert(Number value, DType dtype) {
  if (!holds<T>(value)) {
    throw DTypeError(
        fmt::format("the number {} does not fit {}; cast the tensor to a dtype that holds it (cast(x, DType::f32))",
                    text_of(value), name_of(dtype)));
  }
  return value.is_integral() ? static_cast<T>(value.integer()) : static_cast<T>(value.real());
}

void before_item(const Tensor& tensor) {
  if (tensor.size() != 1) {
    throw ShapeError(
        fmt::format("item: the tensor has shape {}; expected exactly one element", to_string(tensor.shape())));
  }
  detail::before_host_read(tensor, "item");
}

[[noreturn]] void refuse_item(std::int64_t value) {
  throw DTypeError(fmt::format("item: the element is {}, which the type asked for does not hold", value));
}

}  // namespace

namespace detail {

MixedRow::MixedRow(std::initializer_list<Number> numbers) {
  for (const Number& number : numbers) {
    if (!is_double(number)) {
      throw DTypeError(
          fmt::format("tensor: {} is no double, as which numbers of several types count; make them all std::int64_t, "
                      "or doubles",
                      text_of(number)));
    }
    numbers_.push_back(number.real());
  }
}

void Access::refuse_undefined() {
  throw ValueError("the tensor is undefined (default-constructed); give it a value first");
}

Tensor Access::make(DType dtype, const Shape& shape) {
  const auto elements = static_cast<std::size_t>(shape.elements());
  if (elements > std::numeric_limits<std::ptrdiff_t>::max() / size_of(dtype)) throw std::bad_alloc();
  return adopt(make_block(dtype, shape, elements * size_of(dtype)));
}

Tensor Access::alias(const Tensor& tensor, const Shape& shape) {
  const TensorNode& node = checked(tensor);
  node.buffer->references.fetch_add(1, std::memory_order_relaxed);
  void* memory = kernels::allocate(sizeof(TensorNode));
  return adopt(new (memory) TensorNode(node.dtype, shape, node.buffer));
}

void release(TensorNode* node) noexcept {
  static_assert(std::is_trivially_destructible_v<TensorNode>);
  while (node != nullptr && is_last(node->references)) {
    Buffer* const buffer = node->buffer;
    TensorNode* const next = node->logits;
    if (node != &buffer->first) kernels::deallocate(node, sizeof(TensorNode));
    wengert::release(buffer);
    node = next;
  }
}

void* writable_memory(Tensor& result, DType dtype) {
  if (Access::checked(result).dtype != dtype) {
    throw DTypeError(
        fmt::format("the result is {}; it cannot be written as {}", name_of(result.dtype()), name_of(dtype)));
  }
  return Access::elements(result);
}

}  // namespace detail

Tensor::Tensor(const Tensor& other) noexcept : node_(other.node_) {
  if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
}

Tensor& Tensor::operator=(const Tensor& other) noexcept { return *this = Tensor(other); }

Tensor::Tensor(const void* elements, DType dtype, const Shape& shape) : Tensor(detail::Access::make(dtype, shape)) {
  const std::size_t bytes = static_cast<std::size_t>(shape.elements()) * size_of(dtype);
  if (bytes != 0) std::memcpy(node_->buffer->elements, elements, bytes);
}

Tensor Tensor::borrow(const void* elements, DType dtype, const Shape& shape, std::shared_ptr<const void> owner) {
  if (elements == nullptr && shape.elements() != 0) throw ValueError("borrow: no memory was given (null pointer)");
  TensorNode* const node = make_block(dtype, shape, 0);
  node->buffer->elements = const_cast<void*>(elements);  // never written: only a result that a kernel fills is
  node->buffer->owner = std::move(owner);
  return detail::Access::adopt(node);
}

const Shape& Tensor::counted(std::int64_t count, const Shape& shape) {
  if (count != shape.elements()) {
    throw ShapeError(
        fmt::format("{} values were given for shape {}, which holds {}", count, to_string(shape), shape.elements()));
  }
  return shape;
}

const Shape& Tensor::shape() const& { return detail::Access::checked(*this).shape; }
DType Tensor::dtype() const { return detail::Access::checked(*this).dtype; }

const void* Tensor::elements(DType expected) const {
  if (dtype() != expected) {
    throw DTypeError(fmt::format("data: the tensor is {}, not {}; read it as {} or cast it", name_of(dtype()),
                                 name_of(expected), name_of(dtype())));
  }
  detail::before_host_read(*this, "data");
  return node_->buffer->elements;
}

double Tensor::item_real(int digits) const {
  if (is_floating(dtype())) {
    before_item(*this);
    return dtype() == DType::f64 ? data<double>()[0] : data<float>()[0];
  }
  const std::int64_t value = item_integer();
  const double real =
      digits < std::numeric_limits<double>::digits ? static_cast<float>(value) : static_cast<double>(value);
  if (real >= 0x1p63 || static_cast<std::int64_t>(real) != value) refuse_item(value);
  return real;
}

std::int64_t Tensor::item_integer(std::int64_t least, std::uint64_t most) const {
  if (is_floating(dtype())) {
    throw DTypeError(
        fmt::format("item: the element is {}; read it as a floating number, or cast the tensor", name_of(dtype())));
  }
  before_item(*this);
  const auto value = dispatch(dtype(), [&](auto type) { return static_cast<std::int64_t>(data<decltype(type)>()[0]); });
  if (value < least || (value > 0 && bits(value) > most)) refuse_item(value);
  return value;
}

Tensor::Tensor(std::initializer_list<Number> values, const Shape& shape)
    : Tensor(detail::MixedRow(values).numbers(), shape) {}
Tensor::Tensor(std::initializer_list<detail::MixedRow> rows) : Tensor(from_rows<double>(rows)) {}

Tensor empty(const Shape& shape, DType dtype) { return detail::Access::make(dtype, shape); }

Tensor full(const Shape& shape, Number value, DType dtype) {
  Tensor result = empty(shape, dtype);
  dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    const std::span<T> elements = writable<T>(result);
    std::fill(elements.begin(), elements.end(), convert<T>(value, dtype));
  });
  return result;
}

Tensor zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor scalar(Number value, DType dtype) { return full({}, value, dtype); }

namespace {

/// How many numbers there are from start on, short of stop. Of integers exactly; their difference may need 64 bits.
double count_of(Number start, Number stop, Number step) {
  if (!start.is_integral() || !stop.is_integral() || !step.is_integral()) {
    return std::ceil((stop.real() - start.real()) / step.real());
  }
  const bool ascending = step.integer() > 0;
  const std::int64_t low = ascending ? start.integer() : stop.integer();
  const std::int64_t high = ascending ? stop.integer() : start.integer();
  const std::uint64_t stride = ascending ? bits(step.integer()) : 0 - bits(step.integer());
  if (low >= high) return 0;
  const std::uint64_t count = (bits(high) - bits(low) - 1) / stride + 1;
  return static_cast<double>(count);
}

}  // namespace

Tensor arange(Number start, Number stop, Number step, DType dtype) {
  if (!std::isfinite(step.real()) || step.real() == 0 || !std::isfinite(start.real()) || !std::isfinite(stop.real())) {
    throw ValueError(fmt::format("arange: from {} to {} by {}; expected finite numbers and a step that is not 0",
                                 start.real(), stop.real(), step.real()));
  }
  const double count = std::max(0.0, count_of(start, stop, step));
  if (count > 1e15) throw ValueError(fmt::format("arange: {} elements are too many", count));
  Tensor result = empty({static_cast<std::int64_t>(count)}, dtype);
  dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    std::uint64_t i = 0;
    for (T& element : writable<T>(result)) {
      const bool exact = start.is_integral() && step.is_integral();
      // Between two numbers of 64 bits may be more than such a number: their sum is right again.
      element = exact ? convert<T>(static_cast<std::int64_t>(bits(start.integer()) + i * bits(step.integer())), dtype)
                      : convert<T>(start.real() + static_cast<double>(i) * step.real(), dtype);
      ++i;
    }
  });
  return result;
}

Tensor linspace(double start, double stop, std::int64_t count, DType dtype) {
  if (count < 0) throw ValueError(fmt::format("linspace: {} points; expected 0 or more", count));
  if (!is_floating(dtype)) throw DTypeError(fmt::format("linspace: dtype {}; expected f32 or f64", name_of(dtype)));
  Tensor result = empty({count}, dtype);
  dispatch_floating(dtype, [&]<typename T>(T) {
    const std::span<T> elements = writable<T>(result);
    const double last = static_cast<double>(std::max<std::int64_t>(count - 1, 1));
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const double t = static_cast<double>(i) / last;
      const double x = std::isfinite(stop - start) ? start + (stop - start) * t : start * (1 - t) + stop * t;
      elements[i] = static_cast<T>(x);
    }
    if (count > 1) elements.back() = static_cast<T>(stop);
  });
  return result;
}

Tensor eye(std::int64_t n, DType dtype) {
  Tensor result = zeros({n, n}, dtype);
  dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    const std::span<T> elements = writable<T>(result);
    for (std::int64_t i = 0; i < n; ++i) elements[static_cast<std::size_t>(i * (n + 1))] = T{1};
  });
  return result;
}

template Tensor Tensor::from_rows<double>(std::initializer_list<std::initializer_list<double>>);

}  // namespace wengert
