#pragma once

#include <string>

#include <fmt/format.h>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/tensor.h>

/// Formatters of fmt for what the library prints; alignment and width are understood as for strings: "{:>12}".

template <>
struct fmt::formatter<wengert::DType> : fmt::formatter<fmt::string_view> {
  template <typename Context>
  auto format(wengert::DType dtype, Context& context) const {
    const auto name = wengert::name_of(dtype);
    return fmt::formatter<fmt::string_view>::format({name.data(), name.size()}, context);
  }
};

template <>
struct fmt::formatter<wengert::Shape> : fmt::formatter<fmt::string_view> {
  template <typename Context>
  auto format(const wengert::Shape& shape, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(wengert::to_string(shape), context);
  }
};

template <>
struct fmt::formatter<wengert::Attributes> : fmt::formatter<fmt::string_view> {
  template <typename Context>
  auto format(const wengert::Attributes& attributes, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(wengert::to_string(attributes), context);
  }
};

template <>
struct fmt::formatter<wengert::Tensor> : fmt::formatter<fmt::string_view> {
  template <typename Context>
  auto format(const wengert::Tensor& tensor, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(wengert::to_string(tensor), context);
  }
};
