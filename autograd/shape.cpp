#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/shape.h>

namespace wengert {

Ints::Ints(std::span<const std::int64_t> values) {
  if (values.size() > max_rank) {
    throw ShapeError(fmt::format("{} dimensions given; a tensor has at most {}", values.size(), max_rank));
  }
  std::copy(values.begin(), values.end(), values_.begin());
  size_ = values.size();
}

Ints::Ints(const std::vector<std::int64_t>& values) : Ints(std::span(values)) {}

void Ints::push_back(std::int64_t value) {
  if (size_ == max_rank) throw ShapeError(fmt::format("a tensor has at most {} dimensions", max_rank));
  values_[size_++] = value;
}

Shape::Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}

Shape::Shape(const std::vector<std::int64_t>& extents) : Shape(std::span(extents)) {}

Shape::Shape(std::span<const std::int64_t> extents) : extents_(extents) {
  // The product over the non-zero extents must fit too: strides of an empty tensor are computed from it.
  std::int64_t nonzero = 1;
  for (std::int64_t extent : extents_) {
    if (extent < 0) throw ShapeError(fmt::format("shape {} has a negative extent", to_string(extents)));
    if (extent != 0 && nonzero > std::numeric_limits<std::int64_t>::max() / extent) {
      throw ShapeError(fmt::format("shape {} has more elements than can be counted", to_string(extents)));
    }
    nonzero *= std::max<std::int64_t>(extent, 1);
    elements_ *= extent;
  }
}

std::int64_t Shape::from_end(std::int64_t axis) const { return extents_[normalize_axis("shape", axis, rank())]; }

std::string to_string(std::span<const std::int64_t> extents) {
  std::string text = "[";
  for (const std::int64_t extent : extents) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + ']';
}

Ints row_major_strides(const Shape& shape) {
  Ints strides(shape);
  std::int64_t stride = 1;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Ints extents(longer);
  const std::size_t offset = longer.rank() - shorter.rank();
  for (std::size_t axis = 0; axis < shorter.rank(); ++axis) {
    std::int64_t& extent = extents[offset + axis];
    if (extent == 1) {
      extent = shorter[axis];
    } else if (shorter[axis] != 1 && shorter[axis] != extent) {
      throw ShapeError(
          fmt::format("{}: shapes {} and {} do not broadcast; extents must be equal or 1, from the last on", operation,
                      to_string(a), to_string(b)));
    }
  }
  return Shape(extents);
}

Ints broadcast_strides(const Shape& from, const Shape& to) {
  return broadcast_strides(from, row_major_strides(from), to);
}

Ints broadcast_strides(const Shape& from, const Ints& own, const Shape& to) {
  const std::size_t offset = to.rank() - from.rank();
  Ints strides;
  for (std::size_t axis = 0; axis < to.rank(); ++axis) {
    strides.push_back(axis < offset || from[axis - offset] == 1 ? 0 : own[axis - offset]);
  }
  return strides;
}

std::size_t normalize_axis(const char* operation, std::int64_t axis, std::size_t rank) {
  const auto dimensions = static_cast<std::int64_t>(rank);
  if (axis < -dimensions || axis >= dimensions) {
    throw ValueError(rank == 0 ? fmt::format("{}: axis {} given; a scalar has no axes", operation, axis)
                               : fmt::format("{}: axis {} is out of range; expected {} … {} for rank {}", operation,
                                             axis, -dimensions, dimensions - 1, rank));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + dimensions : axis);
}

Ints normalize_axes(const char* operation, const Ints& axes, std::size_t rank) {
  Ints result;
  if (axes.empty()) {
    for (std::size_t axis = 0; axis < rank; ++axis) result.push_back(static_cast<std::int64_t>(axis));
    return result;
  }
  std::array<bool, max_rank> chosen{};
  for (std::int64_t axis : axes) {
    bool& seen = chosen[normalize_axis(operation, axis, rank)];
    if (seen) throw ValueError(fmt::format("{}: axes {} name one axis twice", operation, to_string(axes)));
    seen = true;
  }
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (chosen[axis]) result.push_back(static_cast<std::int64_t>(axis));
  }
  return result;
}

}  // namespace wengert
