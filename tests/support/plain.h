#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/tensor.h>

/// Tensors as plain loops see them, for reference implementations: a place is a list of indices, and every element is
/// looked up anew.

namespace wengert::plain {

using Index = std::vector<std::int64_t>;

inline const std::vector<DType> all_dtypes = {DType::f32, DType::f64, DType::i32,
                                              DType::i64, DType::u8,  DType::boolean};
inline const std::vector<DType> number_dtypes = {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8};
inline const std::vector<DType> integer_dtypes = {DType::i32, DType::i64, DType::u8};

/// Calls f(index) for every place of a shape, in row-major order.
template <typename F>
void for_each_index(const Shape& shape, F f) {
  Index index(shape.rank(), 0);
  for (std::int64_t left = shape.elements(); left > 0; --left) {
    f(static_cast<const Index&>(index));
    for (std::size_t axis = shape.rank(); axis-- > 0 && ++index[axis] == shape[axis];) index[axis] = 0;
  }
}

inline std::size_t place(const Shape& shape, const Index& index) {
  std::int64_t result = 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) result = result * shape[axis] + index[axis];
  return static_cast<std::size_t>(result);
}

/// The element at a place.
template <typename T>
T at(const Tensor& tensor, const Index& index) {
  return dispatch(tensor.dtype(), [&](auto type) {
    return static_cast<T>(tensor.data<decltype(type)>()[place(tensor.shape(), index)]);
  });
}

/// A tensor whose element at each place is f(index), converted.
template <typename F>
Tensor tensor_of(const Shape& shape, DType dtype, F f) {
  return dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    const auto elements = std::make_unique<T[]>(static_cast<std::size_t>(shape.elements()) + 1);
    std::size_t next = 0;
    for_each_index(shape, [&](const Index& index) { elements[next++] = static_cast<T>(f(index)); });
    return Tensor(std::span<const T>(elements.get(), next), shape);
  });
}

/// Elements that can be told apart, as far as the dtype allows: from + 1, from + 2 …, in u8 modulo 251, in boolean odd
/// or not.
inline Tensor counting(const Shape& shape, DType dtype, std::int64_t from = 0) {
  std::int64_t next = from;
  return tensor_of(shape, dtype, [&](const Index&) {
    ++next;
    return dtype == DType::u8 ? next % 251 : dtype == DType::boolean ? next % 2 : next;
  });
}

/// Small whole numbers of both signs (in u8 of one) that repeat irregularly: their sums are exact in every dtype.
inline Tensor small_numbers(const Shape& shape, DType dtype, std::uint64_t seed = 1) {
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  return tensor_of(shape, dtype, [&](const Index&) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto number = static_cast<std::int64_t>(state >> 33) % 9;
    return dtype == DType::boolean ? number % 2 : dtype == DType::u8 ? number : number - 4;
  });
}

/// Shapes of every rank, with extents of 0 and 1 in all places.
inline const std::vector<Shape> shapes = {
    {},
    {1},
    {5},
    {0},
    {2, 3},
    {3, 1},
    {1, 4},
    {0, 3},
    {2, 0},
    {2, 3, 4},
    {1, 3, 1},
    {2, 0, 3},
    {3, 1, 2},
    {2, 1, 3, 2},
    {2, 2, 1, 3},
    {0, 0, 0},
    {2, 1, 2, 3},
    {2, 1, 2, 1, 2},
    {1, 2, 2, 1, 2, 2},
    {2, 1, 2, 1, 2, 1, 2},
    {2, 1, 2, 1, 2, 2, 1, 2},
};

/// All sets of axes of a rank; every other one counted from the end.
inline std::vector<Ints> sets_of_axes(std::size_t rank) {
  std::vector<Ints> sets;
  for (unsigned bits = 0; bits < 1u << rank; ++bits) {
    Ints axes;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const auto number = static_cast<std::int64_t>(axis);
      if ((bits >> axis) & 1)
        axes.push_back((bits + axis) % 2 == 0 ? number : number - static_cast<std::int64_t>(rank));
    }
    sets.push_back(axes);
  }
  return sets;
}

/// Which axes a list of them means: none means all.
inline std::vector<bool> chosen(const Ints& axes, std::size_t rank) {
  std::vector<bool> result(rank, axes.empty());
  for (const std::int64_t axis : axes) {
    result[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis)] = true;
  }
  return result;
}

/// What a call was given, for messages.
inline std::string text(const Tensor& x, const Attributes& attributes = {}) {
  return std::string(name_of(x.dtype())) + to_string(x.shape()) + " " + to_string(attributes);
}

}  // namespace wengert::plain
