#include <cmath>
#include <cstddef>
#include <cstdint>

#include <wengert/autograd/kernels/bytes.h>
#include <wengert/autograd/kernels/instruction_sets.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/bytes.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V>
HWY_INLINE auto floating(D d, V integers) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::ConvertTo(d, integers);
  } else {
    return hn::PromoteTo(d, integers);
  }
}

/// a / b, correctly rounded, if y is 1 / b correctly rounded: a y, corrected by what it lacks (Markstein, "Computation
/// of elementary functions on the IBM RISC System/6000 processor", 1990). With a fused multiply-add.
template <class V>
HWY_INLINE V quotient_by_reciprocal(V a, V b, V y) {
  const V q = hn::Mul(a, y);
  return hn::MulAdd(hn::NegMulAdd(b, q, a), y, q);
}

// The last ones one by one.
template <typename T, typename Quotient>
HWY_INLINE void divide(const std::uint8_t* from, std::size_t count, T divisor, T* to, Quotient quotient) {
  const hn::ScalableTag<T> d;
  const hn::Rebind<std::uint8_t, decltype(d)> bytes;
  const hn::Rebind<std::int32_t, decltype(d)> integers;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    hn::StoreU(quotient(floating(d, hn::PromoteTo(integers, hn::LoadU(bytes, from + i)))), d, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<T>(from[i]) / divisor;
}

template <typename T>
HWY_INLINE void divide(const std::uint8_t* from, std::size_t count, T divisor, T* to) {
  const auto by = hn::Set(hn::ScalableTag<T>(), divisor);
  divide(from, count, divisor, to, [&](auto x) HWY_ATTR { return hn::Div(x, by); });
}

void divide_f32(const std::uint8_t* from, std::size_t count, float divisor, float* to) {
  if (!HWY_NATIVE_FMA || std::abs(divisor) > 0x1p100F || std::abs(divisor) < 0x1p-100F)
    return divide(from, count, divisor, to);  // or it could underflow, or overflow
  const hn::ScalableTag<float> d;
  const auto by = hn::Set(d, divisor), reciprocal = hn::Set(d, 1 / divisor);
  divide(from, count, divisor, to, [&](auto x) HWY_ATTR { return quotient_by_reciprocal(x, by, reciprocal); });
}
void divide_f64(const std::uint8_t* from, std::size_t count, double divisor, double* to) {
  divide(from, count, divisor, to);
}

}  // namespace
}  // namespace wengert::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {
namespace {

HWY_EXPORT(divide_f32);
HWY_EXPORT(divide_f64);

}  // namespace

template <>
void divide_bytes(const std::uint8_t* from, std::size_t count, double divisor, float* to) {
  HWY_DYNAMIC_DISPATCH(divide_f32)(from, count, static_cast<float>(divisor), to);
}
template <>
void divide_bytes(const std::uint8_t* from, std::size_t count, double divisor, double* to) {
  HWY_DYNAMIC_DISPATCH(divide_f64)(from, count, divisor, to);
}

}  // namespace wengert::kernels
#endif
