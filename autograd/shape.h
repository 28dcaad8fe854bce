#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace wengert {

/// Highest number of dimensions of a tensor.
inline constexpr std::size_t max_rank = 8;

class Shape;

/// Up to eight integers in place: axes, permutations, bounds of a slice. Copying one never allocates. One axis is given
/// as a number, and extents as another tensor's shape: `sum(x, 1)`, `reshape(x, y.shape())`.
class Ints {
 public:
  Ints() = default;
  Ints(std::initializer_list<std::int64_t> values) : Ints(std::span(values.begin(), values.size())) {}
  // NOLINTBEGIN(google-explicit-constructor): that each of them may stand there is the point
  template <std::signed_integral Value>
  Ints(Value value) : values_{value}, size_(1) {}
  Ints(const Shape& shape);
  /// Throws ShapeError for more than eight.
  Ints(const std::vector<std::int64_t>& values);
  // NOLINTEND(google-explicit-constructor)
  /// Throws ShapeError for more than eight.
  explicit Ints(std::span<const std::int64_t> values);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::int64_t operator[](std::size_t i) const { return values_[i]; }
  std::int64_t& operator[](std::size_t i) { return values_[i]; }
  std::int64_t back() const { return values_[size_ - 1]; }
  const std::int64_t* begin() const { return values_.data(); }
  const std::int64_t* end() const { return values_.data() + size_; }

  /// Throws ShapeError when there are eight already.
  void push_back(std::int64_t value);

  // Next to a tiny operation, calling for as many bytes as there are would show.
  friend bool operator==(const Ints& a, const Ints& b) {
    if (a.size_ != b.size_) return false;
    for (std::size_t i = 0; i < a.size_; ++i) {
      if (a.values_[i] != b.values_[i]) return false;
    }
    return true;
  }

 private:
  std::array<std::int64_t, max_rank> values_{};
  std::size_t size_ = 0;
};

/// The extents of a tensor, outermost first: 0 … 8 of them, none negative. The shape of a scalar is `{}`.
class Shape {
 public:
  Shape() = default;
  /// Throws ShapeError for more than eight extents, a negative one, or more elements than 2⁶³ − 1.
  Shape(std::initializer_list<std::int64_t> extents);
  // NOLINTNEXTLINE(google-explicit-constructor): that it may stand there is the point
  Shape(const std::vector<std::int64_t>& extents);
  explicit Shape(std::span<const std::int64_t> extents);

  std::size_t rank() const { return extents_.size(); }
  /// The extent along an axis; those below 0 count from the end. Throws ValueError for an axis that there is not.
  template <std::integral Axis>
  std::int64_t operator[](Axis axis) const {
    const auto place = static_cast<std::size_t>(axis);
    if (std::cmp_less(axis, 0) || place >= rank()) return from_end(static_cast<std::int64_t>(axis));
    return extents_[place];
  }
  /// The last extent. Throws ValueError for the shape of a scalar.
  std::int64_t back() const { return (*this)[-1]; }
  const std::int64_t* begin() const { return extents_.begin(); }
  const std::int64_t* end() const { return extents_.end(); }

  /// The same as a list.
  const Ints& extents() const { return extents_; }

  /// Number of elements: the product of the extents, 1 for a scalar.
  std::int64_t elements() const { return elements_; }

  friend bool operator==(const Shape& a, const Shape& b) { return a.extents_ == b.extents_; }

 private:
  std::int64_t from_end(std::int64_t axis) const;  // throws unless it is below 0 and there

  Ints extents_;
  std::int64_t elements_ = 1;
};

inline Ints::Ints(const Shape& shape) : Ints(shape.extents()) {}

/// As written in messages: "[32, 784]", "[]" for a scalar.
std::string to_string(std::span<const std::int64_t> extents);

/// Elements from one index to the next along each axis of a row-major array.
Ints row_major_strides(const Shape& shape);

/// Shape of the result of broadcasting as NumPy does: extents are matched from the last; 1 stretches.
/// Throws ShapeError naming `operation` and both shapes.
Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b);

/// Elements from one index of `to` to the next along each of its axes, in a row-major array of shape `from` that is
/// stretched to it: 0 where it repeats.
Ints broadcast_strides(const Shape& from, const Shape& to);
/// The same of an array whose `own` strides are others.
Ints broadcast_strides(const Shape& from, const Ints& own, const Shape& to);

/// The axis as 0 … rank−1; negative ones count from the end. Throws ValueError naming `operation`.
std::size_t normalize_axis(const char* operation, std::int64_t axis, std::size_t rank);

/// Axes normalised, sorted, without repetition (which is a ValueError); all of them when `axes` is empty.
Ints normalize_axes(const char* operation, const Ints& axes, std::size_t rank);

}  // namespace wengert
