#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/number.h>
#include <wengert/autograd/shape.h>

namespace wengert {

/// The C++ types that a tensor's elements may have.
template <typename T>
concept Element = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::int32_t> ||
    std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint8_t> || std::is_same_v<T, bool>;

template <Element T>
class OwnedElements;
class Parameter;

namespace detail {
struct TensorNode;
struct Access;
class Borrowed;
void release(TensorNode* node) noexcept;

/// Numbers in braces that are not of one type, or of none that tensors have: they count as doubles. Throws DTypeError
/// for an integer that no double is.
class MixedRow {
 public:
  MixedRow(std::initializer_list<Number> numbers);  // NOLINT(google-explicit-constructor): braces become rows
  const std::vector<double>& numbers() const { return numbers_; }
  auto begin() const { return numbers_.begin(); }
  auto end() const { return numbers_.end(); }
  std::size_t size() const { return numbers_.size(); }

 private:
  std::vector<double> numbers_;
};
}  // namespace detail

/// An immutable array: shape, dtype, and a shared, reference-counted buffer, row-major without gaps. Copying a handle
/// is cheap and never copies elements; whatever shows the elements keeps them alive. A default-constructed handle is
/// *undefined*: it holds nothing, and all but `defined` throws ValueError. Where memory is not to be had, all that
/// makes a tensor throws std::bad_alloc.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& other) noexcept;
  Tensor(Tensor&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.node_, nullptr));
    return *this;
  }
  ~Tensor() { reset(nullptr); }

  /// A scalar, rank 0: `Tensor(2.0)` is f64, `Tensor(2.0f)` f32, `Tensor(2)` i32.
  template <Element T>
  explicit Tensor(T value) : Tensor(&value, dtype_of<T>, Shape{}) {}

  /// From braces: `Tensor({1.0, 2.0})` is f64 [2], `Tensor({1, 2, 3, 4}, {2, 2})` i32. Mixed braces are doubles.
  template <Element T>
  Tensor(std::initializer_list<T> values)
      : Tensor(values.begin(), dtype_of<T>, Shape{static_cast<std::int64_t>(values.size())}) {}
  template <Element T>
  Tensor(std::initializer_list<T> values, const Shape& shape)
      : Tensor(std::span(values.begin(), values.size()), shape) {}
  // A template only to stand behind the matrix of mixed numbers: a column {{1}, {2.5}} could be either.
  template <typename = void>
  Tensor(std::initializer_list<Number> values) : Tensor(detail::MixedRow(values).numbers()) {}
  Tensor(std::initializer_list<Number> values, const Shape& shape);

  /// From nested braces: a matrix, row by row. Throws ShapeError where the rows differ in length.
  template <Element T>
  Tensor(std::initializer_list<std::initializer_list<T>> rows) : Tensor(from_rows<T>(rows)) {}
  Tensor(std::initializer_list<detail::MixedRow> rows);

  /// From a vector or span, rank 1, or of the shape given. Throws ShapeError where the number of values differs.
  template <Element T>
  explicit Tensor(std::span<const T> values)
      : Tensor(values.data(), dtype_of<T>, Shape{static_cast<std::int64_t>(values.size())}) {}
  template <Element T>
  Tensor(std::span<const T> values, const Shape& shape)
      : Tensor(values.data(), dtype_of<T>, counted(static_cast<std::int64_t>(values.size()), shape)) {}
  template <Element T>
  requires(!std::is_same_v<T, bool>) explicit Tensor(const std::vector<T>& values)
      : Tensor(std::span<const T>(values)) {}
  template <Element T>
  requires(!std::is_same_v<T, bool>) Tensor(const std::vector<T>& values, const Shape& shape)
      : Tensor(std::span<const T>(values), shape) {}

  /// Shows memory that somebody else owns, without copying it; `owner` is kept until the last handle is gone. The
  /// memory must hold `shape.elements()` elements and not change meanwhile.
  template <Element T>
  static Tensor borrow(const T* elements, const Shape& shape, std::shared_ptr<const void> owner) {
    return borrow(elements, dtype_of<T>, shape, std::move(owner));
  }
  static Tensor borrow(const void* elements, DType dtype, const Shape& shape, std::shared_ptr<const void> owner);

  bool defined() const { return node_ != nullptr; }
  const Shape& shape() const&;
  Shape shape() && { return std::as_const(*this).shape(); }
  DType dtype() const;
  std::size_t rank() const { return shape().rank(); }
  /// Number of elements.
  std::int64_t size() const { return shape().elements(); }

  /// The elements in row-major order. Throws DTypeError where T is not the dtype. Of a temporary, the result keeps
  /// the elements alive: keep it as `auto`, for a span made of it would keep nothing.
  template <Element T>
  std::span<const T> data() const& {
    return {static_cast<const T*>(elements(dtype_of<T>)), static_cast<std::size_t>(size())};
  }
  template <Element T>
  OwnedElements<T> data() &&;

  /// The element of a tensor that holds exactly one (else ShapeError), converted; a floating element is never
  /// converted to an integer, nor an integer to a type that does not hold it (DTypeError).
  template <typename T = double>
  requires std::is_arithmetic_v<T> T item()
  const {
    if constexpr (std::is_floating_point_v<T>)
      return static_cast<T>(item_real(std::numeric_limits<T>::digits));
    else if constexpr (std::is_same_v<T, bool>)
      return item_integer() != 0;
    else
      return static_cast<T>(item_integer(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }

  /// The same elements in another shape; one extent may be −1 and is worked out. Recorded like any operation.
  Tensor reshape(const Ints& shape) const;

 private:
  friend struct detail::Access;
  friend class detail::Borrowed;
  void reset(detail::TensorNode* node) noexcept {
    if (detail::TensorNode* old = std::exchange(node_, node)) detail::release(old);
  }
  Tensor(const void* elements, DType dtype, const Shape& shape);
  template <typename T, typename Row>
  static Tensor from_rows(std::initializer_list<Row> rows);
  /// The shape, if it holds `count` elements; else ShapeError.
  static const Shape& counted(std::int64_t count, const Shape& shape);
  const void* elements(DType expected) const;
  double item_real(int digits) const;
  std::int64_t item_integer(std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                            std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const;

  detail::TensorNode* node_ = nullptr;
};

namespace detail {
/// A handle that does not count, for as long as another one is sure to live. An array of them is one of tensors.
class Borrowed {
 public:
  Borrowed() = default;
  Borrowed(const Tensor& tensor) noexcept { tensor_.node_ = tensor.node_; }  // NOLINT(google-explicit-constructor)
  Borrowed(const Parameter& parameter);  // NOLINT(google-explicit-constructor): its value, which it or the tape keeps
  Borrowed(const Borrowed& other) noexcept : Borrowed(other.tensor_) {}
  Borrowed& operator=(const Borrowed& other) noexcept {
    tensor_.node_ = other.tensor_.node_;
    return *this;
  }
  ~Borrowed() { tensor_.node_ = nullptr; }
  const Tensor& tensor() const { return tensor_; }
  static std::span<const Tensor> tensors(std::span<const Borrowed> all) {
    return {reinterpret_cast<const Tensor*>(all.data()), all.size()};
  }

 private:
  Tensor tensor_;
};
}  // namespace detail

/// A view on elements that keeps them alive: what `data()` of a temporary gives.
template <Element T>
class OwnedElements {
 public:
  explicit OwnedElements(Tensor tensor)
      : tensor_(std::move(tensor)), view_(std::as_const(tensor_).template data<T>()) {}
  const T* begin() const { return view_.data(); }
  const T* end() const { return view_.data() + view_.size(); }
  const T* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  const T& operator[](std::size_t i) const { return view_[i]; }
  const T& front() const { return view_.front(); }
  const T& back() const { return view_.back(); }

 private:
  Tensor tensor_;
  std::span<const T> view_;
};

template <Element T>
OwnedElements<T> Tensor::data() && {
  return OwnedElements<T>(std::move(*this));
}

template <typename T, typename Row>
Tensor Tensor::from_rows(std::initializer_list<Row> rows) {
  const auto height = static_cast<std::int64_t>(rows.size());
  const auto width = height == 0 ? 0 : static_cast<std::int64_t>(rows.begin()->size());
  std::vector<T> values;  // NOLINT: vector<bool> is taken apart below
  for (const auto& row : rows) {
    static_cast<void>(counted(static_cast<std::int64_t>(row.size()), Shape{width}));
    values.insert(values.end(), row.begin(), row.end());
  }
  if constexpr (std::is_same_v<T, bool>) {
    const auto copy = std::make_unique<bool[]>(values.size());
    std::copy(values.begin(), values.end(), copy.get());
    return Tensor(copy.get(), DType::boolean, Shape{height, width});
  } else {
    return Tensor(values.data(), dtype_of<T>, Shape{height, width});
  }
}
extern template Tensor Tensor::from_rows<double>(std::initializer_list<std::initializer_list<double>>);

/// Tensors by name, in an order of their own: an optimiser's state, what is in a file.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Tensors filled with one value, f32 unless told. Throw ShapeError for a bad shape, DTypeError where the dtype cannot
/// hold the value.
Tensor zeros(const Shape& shape, DType dtype = DType::f32);
Tensor ones(const Shape& shape, DType dtype = DType::f32);
Tensor full(const Shape& shape, Number value, DType dtype = DType::f32);
/// One number as a scalar tensor of `dtype`. Throws DTypeError where that would lose it (0.5 as u8).
Tensor scalar(Number value, DType dtype);

/// start, start + step, … short of stop. Throws ValueError for step = 0, numbers that are not finite, or more than can
/// be counted, DTypeError where the dtype cannot hold one of them.
Tensor arange(Number start, Number stop, Number step = 1, DType dtype = DType::f32);
/// `count` numbers from start to stop, both included. Throws ValueError for a negative count, DTypeError for a dtype
/// that is not floating.
Tensor linspace(double start, double stop, std::int64_t count, DType dtype = DType::f32);
/// The identity matrix, n × n. Throws ShapeError for a negative n.
Tensor eye(std::int64_t n, DType dtype = DType::f32);

/// As NumPy prints: aligned columns; large tensors shortened to their edges.
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);
std::string to_string(const Tensor& tensor);

}  // namespace wengert
