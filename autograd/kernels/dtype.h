#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace wengert {

/// Element type of a tensor. `boolean` is stored as one byte, 0 or 1.
enum class DType : std::uint8_t { f32, f64, i32, i64, u8, boolean };

/// Bytes of one element of each dtype, in their order.
inline constexpr std::array<std::size_t, 6> element_bytes = {4, 8, 4, 8, 1, 1};
/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) { return element_bytes[static_cast<std::size_t>(dtype)]; }

/// `f32` and `f64`: the types that can be differentiated.
constexpr bool is_floating(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

/// The name as written in code: "f32", "i64", "boolean".
constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
    case DType::u8: return "u8";
    case DType::boolean: return "boolean";
  }
  return "unknown";
}

/// The dtype that a C++ element type stands for; `bool` is `boolean`.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <typename T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

/// Calls `f` with a value of the C++ element type of `dtype` (its value means nothing).
template <typename F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::u8: return f(std::uint8_t{});
    case DType::boolean: break;
  }
  return f(bool{});
}

/// The same for whom truth values are the bytes, 0 or 1, that they are stored as.
template <typename F>
void dispatch_stored(DType dtype, F&& f) {
  dispatch(dtype == DType::boolean ? DType::u8 : dtype, [&](auto tag) {
    if constexpr (!std::is_same_v<decltype(tag), bool>) f(tag);
  });
}

/// `dispatch` where `dtype` is known to be f32 or f64.
template <typename F>
decltype(auto) dispatch_floating(DType dtype, F&& f) {
  return dtype == DType::f32 ? f(float{}) : f(double{});
}

}  // namespace wengert
