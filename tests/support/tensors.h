#pragma once

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/generator.h>
#include <wengert/autograd/tensor.h>

/// What tests do with tensors.

namespace wengert {

/// Equal dtype, shape and bits (NaN included).
inline ::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
    return ::testing::AssertionFailure() << name_of(a.dtype()) << to_string(a.shape()) << " and " << name_of(b.dtype())
                                         << to_string(b.shape());
  }
  return dispatch(a.dtype(), [&](auto type) -> ::testing::AssertionResult {
    using T = decltype(type);
    if (a.size() == 0 || std::memcmp(a.data<T>().data(), b.data<T>().data(), a.data<T>().size_bytes()) == 0) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << a << " and " << b;
  });
}

/// The elements, of dtype T.
template <typename T = double>
std::vector<T> values(const Tensor& tensor) {
  const auto elements = tensor.data<T>();
  return {elements.begin(), elements.end()};
}

/// Numbers uniform on [0.1, 0.9).
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  Generator generator(seed);
  return uniform(shape, 0.1, 0.9, generator, dtype);
}

}  // namespace wengert
