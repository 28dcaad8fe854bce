#include <cmath>
#include <cstddef>
#include <type_traits>

#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/primitives.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/primitives.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <wengert/autograd/kernels/math_error-inl.h>
#include <wengert/autograd/kernels/math_exponential-inl.h>
#include <wengert/autograd/kernels/math_narrow-inl.h>
#include <wengert/autograd/kernels/math_narrow_error-inl.h>
#include <wengert/autograd/kernels/math_power-inl.h>
#include <wengert/autograd/kernels/math_trigonometric-inl.h>
#include <wengert/autograd/kernels/narrowed-inl.h>
#include <wengert/autograd/kernels/register-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace functions = math::HWY_NAMESPACE;

template <typename T>
HWY_INLINE const T* element(const Operand& x, std::size_t i) {
  return static_cast<const T*>(x.data) + (i & x.mask);
}

// Walks an operand vector by vector, or stays where it is.
template <class D>
class Reader {
 public:
  HWY_INLINE Reader(D d, const Operand& x)
      : at_(static_cast<const hn::TFromD<D>*>(x.data)), step_(hn::Lanes(d) & x.mask) {}
  HWY_INLINE hn::Vec<D> next() {
    const auto* const from = at_;
    at_ += step_;
    return hn::LoadU(D(), from);
  }

 private:
  const hn::TFromD<D>* at_;
  std::size_t step_;
};

// `map` applies a function of one to three vectors of T, to operands of its own: what it writes might else be these.
// The first stands in a register, and optimising compilers read the others from memory within an instruction, whose
// first operand is that register; of two NaNs that is the result.
template <typename T, auto function>
void map1(const Operand& first, const Operand&, const Operand&, void* out, std::size_t count) {
  const Operand a = first;
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(function(d, hn::LoadU(d, element<T>(a, i))), d, static_cast<T*>(out) + i);
  }
}
template <typename T, auto function>
void map2(const Operand& first, const Operand& second, const Operand&, void* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  Reader a(d, first), b(d, second);
  T* const end = static_cast<T*>(out) + count;
  for (T* to = static_cast<T*>(out); to < end; to += hn::Lanes(d)) {
    auto x = a.next();
    keep_in_register(x);
    const auto y = b.next();
    hn::StoreU(function(d, x, y), d, to);
  }
}
template <typename T, auto function>
void map3(const Operand& first, const Operand& second, const Operand& third, void* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  Reader a(d, first), b(d, second), c(d, third);
  T* const end = static_cast<T*>(out) + count;
  for (T* to = static_cast<T*>(out); to < end; to += hn::Lanes(d)) {
    auto x = a.next();
    keep_in_register(x);
    const auto y = b.next();
    const auto z = c.next();
    hn::StoreU(function(d, x, y, z), d, to);
  }
}

// `wide` applies a function of vectors of f64 to T, which for f32 is as many lanes of half the size.
using Wide = hn::ScalableTag<double>;

HWY_INLINE hn::Vec<Wide> load_wide(const double* from) { return hn::LoadU(Wide(), from); }
HWY_INLINE hn::Vec<Wide> load_wide(const float* from) {
  return hn::PromoteTo(Wide(), hn::LoadU(hn::Rebind<float, Wide>(), from));
}
HWY_INLINE void store_wide(hn::Vec<Wide> x, double* to) { hn::StoreU(x, Wide(), to); }
HWY_INLINE void store_wide(hn::Vec<Wide> x, float* to) { hn::StoreU(narrowed(x), hn::Rebind<float, Wide>(), to); }

template <typename T, auto function>
void wide1(const Operand& first, const Operand&, const Operand&, void* out, std::size_t count) {
  const Operand a = first;
  for (std::size_t i = 0; i < count; i += hn::Lanes(Wide())) {
    store_wide(function(Wide(), load_wide(element<T>(a, i))), static_cast<T*>(out) + i);
  }
}
template <typename T, auto function>
void wide2(const Operand& first, const Operand& second, const Operand&, void* out, std::size_t count) {
  const Operand a = first, b = second;
  for (std::size_t i = 0; i < count; i += hn::Lanes(Wide())) {
    const auto result = function(Wide(), load_wide(element<T>(a, i)), load_wide(element<T>(b, i)));
    store_wide(result, static_cast<T*>(out) + i);
  }
}

// What is computed one by one leaves the rest of its last block defined too.
template <typename T>
void clear_rest_of_block(T* out, std::size_t count) {
  for (std::size_t i = count; i % block_elements<T> != 0; ++i) out[i] = 0;
}

// Rounded once also where the instruction set has no such instruction.
template <typename T>
void fused_multiply_add(const Operand& a, const Operand& b, const Operand& c, void* out, std::size_t count) {
#if HWY_NATIVE_FMA
  map3<T, [](auto, auto x, auto y, auto z) HWY_ATTR { return hn::MulAdd(x, y, z); }>(a, b, c, out, count);
#else
  T* const result = static_cast<T*>(out);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = std::fma(*element<T>(a, i), *element<T>(b, i), *element<T>(c, i));
  }
  clear_rest_of_block(result, count);
#endif
}

// Truth values are 1 and 0, and any number but 0 is true, NaN too.
template <class D, class M>
HWY_INLINE hn::Vec<D> truth(D d, M mask) {
  return hn::IfThenElseZero(mask, hn::Set(d, hn::TFromD<D>{1}));
}
template <class D, class M>
HWY_INLINE hn::Vec<D> untruth(D d, M mask) {
  return hn::IfThenZeroElse(mask, hn::Set(d, hn::TFromD<D>{1}));
}
template <class D, class V>
HWY_INLINE hn::Mask<D> is_zero(D d, V a) {
  return hn::Eq(a, hn::Zero(d));
}

// As in IEEE 754-2019: NaN if either is, and −0 is below +0.
template <class D, class V>
HWY_INLINE V minimum(D, V a, V b) {
  const V smaller = hn::IfThenElse(hn::Eq(a, b), hn::Or(a, b), hn::IfThenElse(hn::Lt(a, b), a, b));
  return hn::IfThenElse(hn::IsNaN(a), a, smaller);
}
template <class D, class V>
HWY_INLINE V maximum(D, V a, V b) {
  const V larger = hn::IfThenElse(hn::Eq(a, b), hn::And(a, b), hn::IfThenElse(hn::Gt(a, b), a, b));
  return hn::IfThenElse(hn::IsNaN(a), a, larger);
}

#define MAP1(expression)                \
  map1<T, [](auto d, auto a) HWY_ATTR { \
    (void)d;                            \
    return expression;                  \
  }>
#define MAP2(expression)                        \
  map2<T, [](auto d, auto a, auto b) HWY_ATTR { \
    (void)d;                                    \
    return expression;                          \
  }>
#define MAP3(expression)                                \
  map3<T, [](auto d, auto a, auto b, auto c) HWY_ATTR { \
    (void)d;                                            \
    return expression;                                  \
  }>
#define WIDE1(name) wide1<T, [](auto d, auto a) HWY_ATTR { return functions::name<T>(d, a); }>
// f32 in f32 where that is accurate, or else by way of f64.
#if HWY_NATIVE_FMA
#define NARROW1(name)                                                                                           \
  std::is_same_v<T, float> ? map1<float, [](auto d, auto a) HWY_ATTR { return functions::narrow::name(d, a); }> \
                           : WIDE1(name)
#else
#define NARROW1(name) WIDE1(name)
#endif
// … and where vectors have room for tables.
#if HWY_ARCH_X86
#define TABLE1(name) NARROW1(name)
#else
#define TABLE1(name) WIDE1(name)
#endif
#define WIDE2(name) wide2<T, [](auto d, auto a, auto b) HWY_ATTR { return functions::name<T>(d, a, b); }>

template <typename T>
PrimitiveFunction find(Primitive primitive) {
  switch (primitive) {
    case Primitive::constant: return nullptr;
    case Primitive::add: return MAP2(hn::Add(a, b));
    case Primitive::sub: return MAP2(hn::Sub(a, b));
    case Primitive::mul: return MAP2(hn::Mul(a, b));
    case Primitive::div: return MAP2(hn::Div(a, b));
    case Primitive::fma: return fused_multiply_add<T>;
    case Primitive::neg: return MAP1(hn::Neg(a));
    case Primitive::abs: return MAP1(hn::Abs(a));
    case Primitive::minimum: return MAP2(minimum(d, a, b));
    case Primitive::maximum: return MAP2(maximum(d, a, b));
    case Primitive::sqrt: return MAP1(hn::Sqrt(a));
    case Primitive::exp: return NARROW1(exp);
    case Primitive::expm1: return NARROW1(expm1);
    case Primitive::log: return NARROW1(log);
    case Primitive::log1p: return NARROW1(log1p);
    case Primitive::sin: return NARROW1(sin);
    case Primitive::cos: return NARROW1(cos);
    case Primitive::tan: return WIDE1(tan);
    case Primitive::asin: return WIDE1(asin);
    case Primitive::acos: return WIDE1(acos);
    case Primitive::atan: return WIDE1(atan);
    case Primitive::sinh: return WIDE1(sinh);
    case Primitive::cosh: return WIDE1(cosh);
    case Primitive::tanh: return NARROW1(tanh);
    case Primitive::logistic: return NARROW1(logistic);
    case Primitive::asinh: return WIDE1(asinh);
    case Primitive::acosh: return WIDE1(acosh);
    case Primitive::atanh: return WIDE1(atanh);
    case Primitive::erf: return NARROW1(erf);
    case Primitive::erfc: return NARROW1(erfc);
    case Primitive::normal_cdf: return TABLE1(normal_cdf);
    case Primitive::pow: return WIDE2(pow);
    case Primitive::atan2: return WIDE2(atan2);
    case Primitive::hypot: return WIDE2(hypot);
    // Highway's plain fallback does not keep the sign of 0.
    case Primitive::floor: return MAP1(hn::CopySign(hn::Floor(a), a));
    case Primitive::ceil: return MAP1(hn::CopySign(hn::Ceil(a), a));
    case Primitive::round: return MAP1(hn::CopySign(hn::Round(a), a));
    case Primitive::less: return MAP2(truth(d, hn::Lt(a, b)));
    case Primitive::less_equal: return MAP2(truth(d, hn::Le(a, b)));
    case Primitive::equal: return MAP2(truth(d, hn::Eq(a, b)));
    case Primitive::logical_not: return MAP1(truth(d, is_zero(d, a)));
    case Primitive::logical_and: return MAP2(untruth(d, hn::Or(is_zero(d, a), is_zero(d, b))));
    case Primitive::logical_or: return MAP2(untruth(d, hn::And(is_zero(d, a), is_zero(d, b))));
    case Primitive::select: return MAP3(hn::IfThenElse(is_zero(d, a), c, b));
    case Primitive::is_finite: return MAP1(truth(d, hn::IsFinite(a)));
    case Primitive::is_nan: return MAP1(truth(d, hn::IsNaN(a)));
    case Primitive::copy_sign: return MAP2(hn::CopySign(a, b));
  }
  return nullptr;
}

#undef MAP1
#undef MAP2
#undef MAP3
#undef WIDE1
#undef WIDE2
#undef NARROW1
#undef TABLE1

PrimitiveFunction find_here(Primitive primitive, bool is_f64) {
  return is_f64 ? find<double>(primitive) : find<float>(primitive);
}

// Of x86-64 with multiply-adds, and nothing newer than what all that have AVX-512 share.
std::size_t vector_bytes_here() {
  if (!HWY_ARCH_X86_64 || HWY_TARGET > HWY_AVX2) return 0;
  return HWY_TARGET <= HWY_AVX3 ? 64 : 32;
}

const char* name_here() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {

HWY_EXPORT(find_here);
HWY_EXPORT(vector_bytes_here);
HWY_EXPORT(name_here);

PrimitiveFunction find_primitive(Primitive primitive, DType compute) {
  switch (compute) {
    case DType::f32: return HWY_DYNAMIC_DISPATCH(find_here)(primitive, false);
    case DType::f64: return HWY_DYNAMIC_DISPATCH(find_here)(primitive, true);
    case DType::i32: return find_integer_primitive(primitive, false);
    case DType::i64: return find_integer_primitive(primitive, true);
    case DType::u8:
    case DType::boolean: break;
  }
  return nullptr;
}

std::size_t vector_bytes_of_code() { return HWY_DYNAMIC_DISPATCH(vector_bytes_here)(); }

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(name_here)(); }

}  // namespace wengert::kernels
#endif
