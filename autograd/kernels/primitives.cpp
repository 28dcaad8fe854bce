#include <cmath>
#include <cstddef>

#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/primitives.h>

// This file is compiled once per instruction set (Highway's foreach_target). Left out are targets that gain nothing
// here, and those whose vectors may be wider than a block.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/autograd/kernels/primitives.cpp>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// What the arithmetic primitives are on vectors. Truth values are 1 and 0, and any number but 0 is true.

template <class D, class M>
HWY_INLINE hn::Vec<D> truth(D d, M mask) {
  return hn::IfThenElseZero(mask, hn::Set(d, hn::TFromD<D>{1}));
}

template <class D>
HWY_INLINE hn::Mask<D> is_true(D d, hn::Vec<D> a) {
  return hn::Ne(a, hn::Zero(d));
}

struct Add {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::Add(a, b);
  }
};
struct Sub {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::Sub(a, b);
  }
};
struct Mul {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::Mul(a, b);
  }
};
struct Div {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::Div(a, b);
  }
};
struct Fma {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b, V c) {
    return hn::MulAdd(a, b, c);
  }
};
struct Neg {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a) {
    return hn::Neg(a);
  }
};
struct Abs {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a) {
    return hn::Abs(a);
  }
};

// IEEE 754-2019 minimum and maximum: NaN if either is, and −0 below +0.
struct Minimum {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    const V smaller = hn::IfThenElse(hn::Eq(a, b), hn::Or(a, b), hn::IfThenElse(hn::Lt(a, b), a, b));
    return hn::IfThenElse(hn::IsNaN(a), a, smaller);
  }
};
struct Maximum {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    const V larger = hn::IfThenElse(hn::Eq(a, b), hn::And(a, b), hn::IfThenElse(hn::Gt(a, b), a, b));
    return hn::IfThenElse(hn::IsNaN(a), a, larger);
  }
};

struct Sqrt {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a) {
    return hn::Sqrt(a);
  }
};
struct Floor {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a) {
    return hn::Floor(a);
  }
};
struct Ceil {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a) {
    return hn::Ceil(a);
  }
};
struct Round {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a) {
    return hn::Round(a);
  }
};
struct Less {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b) {
    return truth(d, hn::Lt(a, b));
  }
};
struct LessEqual {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b) {
    return truth(d, hn::Le(a, b));
  }
};
struct Equal {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b) {
    return truth(d, hn::Eq(a, b));
  }
};
struct LogicalNot {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a) {
    return truth(d, hn::Eq(a, hn::Zero(d)));
  }
};
struct LogicalAnd {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b) {
    return truth(d, hn::And(is_true(d, a), is_true(d, b)));
  }
};
struct LogicalOr {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b) {
    return truth(d, hn::Or(is_true(d, a), is_true(d, b)));
  }
};
struct Select {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a, V b, V c) {
    return hn::IfThenElse(is_true(d, a), b, c);
  }
};
struct IsFinite {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a) {
    return truth(d, hn::IsFinite(a));
  }
};
struct IsNan {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V a) {
    return truth(d, hn::IsNaN(a));
  }
};
struct CopySign {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::CopySign(a, b);
  }
};

template <typename T>
HWY_INLINE const T* element(const Operand& x, std::size_t i) {
  return static_cast<const T*>(x.data) + (i & x.mask);
}

// `map` applies a vector function F of one to three operands.
template <typename T, class F>
void map1(const Operand& a, const Operand&, const Operand&, void* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(F::apply(d, hn::LoadU(d, element<T>(a, i))), d, static_cast<T*>(out) + i);
  }
}
template <typename T, class F>
void map2(const Operand& a, const Operand& b, const Operand&, void* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto result = F::apply(d, hn::LoadU(d, element<T>(a, i)), hn::LoadU(d, element<T>(b, i)));
    hn::StoreU(result, d, static_cast<T*>(out) + i);
  }
}
template <typename T, class F>
void map3(const Operand& a, const Operand& b, const Operand& c, void* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto result =
        F::apply(d, hn::LoadU(d, element<T>(a, i)), hn::LoadU(d, element<T>(b, i)), hn::LoadU(d, element<T>(c, i)));
    hn::StoreU(result, d, static_cast<T*>(out) + i);
  }
}

// Whole blocks are defined everywhere, also where elements are computed one by one.
template <typename T>
void clear_rest_of_block(T* out, std::size_t count) {
  constexpr std::size_t block = block_bytes / sizeof(T);
  for (std::size_t i = count; i % block != 0; ++i) out[i] = 0;
}

// `each` calls the C library, in f64 also for f32: the result is then the f64 one rounded.
template <typename T, double (*function)(double)>
void each1(const Operand& a, const Operand&, const Operand&, void* out, std::size_t count) {
  T* const result = static_cast<T*>(out);
  for (std::size_t i = 0; i < count; ++i) result[i] = static_cast<T>(function(double{*element<T>(a, i)}));
  clear_rest_of_block(result, count);
}
template <typename T, double (*function)(double, double)>
void each2(const Operand& a, const Operand& b, const Operand&, void* out, std::size_t count) {
  T* const result = static_cast<T*>(out);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = static_cast<T>(function(double{*element<T>(a, i)}, double{*element<T>(b, i)}));
  }
  clear_rest_of_block(result, count);
}

// Rounded once also where the instruction set has no such instruction.
template <typename T>
void fused_multiply_add(const Operand& a, const Operand& b, const Operand& c, void* out, std::size_t count) {
#if HWY_NATIVE_FMA
  map3<T, Fma>(a, b, c, out, count);
#else
  T* const result = static_cast<T*>(out);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = std::fma(*element<T>(a, i), *element<T>(b, i), *element<T>(c, i));
  }
  clear_rest_of_block(result, count);
#endif
}

template <typename T>
PrimitiveFunction find(Primitive primitive) {
  switch (primitive) {
    case Primitive::constant: return nullptr;
    case Primitive::add: return map2<T, Add>;
    case Primitive::sub: return map2<T, Sub>;
    case Primitive::mul: return map2<T, Mul>;
    case Primitive::div: return map2<T, Div>;
    case Primitive::fma: return fused_multiply_add<T>;
    case Primitive::neg: return map1<T, Neg>;
    case Primitive::abs: return map1<T, Abs>;
    case Primitive::minimum: return map2<T, Minimum>;
    case Primitive::maximum: return map2<T, Maximum>;
    case Primitive::sqrt: return map1<T, Sqrt>;
    case Primitive::exp: return each1<T, std::exp>;
    case Primitive::expm1: return each1<T, std::expm1>;
    case Primitive::log: return each1<T, std::log>;
    case Primitive::log1p: return each1<T, std::log1p>;
    case Primitive::sin: return each1<T, std::sin>;
    case Primitive::cos: return each1<T, std::cos>;
    case Primitive::tan: return each1<T, std::tan>;
    case Primitive::asin: return each1<T, std::asin>;
    case Primitive::acos: return each1<T, std::acos>;
    case Primitive::atan: return each1<T, std::atan>;
    case Primitive::sinh: return each1<T, std::sinh>;
    case Primitive::cosh: return each1<T, std::cosh>;
    case Primitive::tanh: return each1<T, std::tanh>;
    case Primitive::asinh: return each1<T, std::asinh>;
    case Primitive::acosh: return each1<T, std::acosh>;
    case Primitive::atanh: return each1<T, std::atanh>;
    case Primitive::erf: return each1<T, std::erf>;
    case Primitive::erfc: return each1<T, std::erfc>;
    case Primitive::pow: return each2<T, std::pow>;
    case Primitive::atan2: return each2<T, std::atan2>;
    case Primitive::hypot: return each2<T, std::hypot>;
    case Primitive::floor: return map1<T, Floor>;
    case Primitive::ceil: return map1<T, Ceil>;
    case Primitive::round: return map1<T, Round>;
    case Primitive::less: return map2<T, Less>;
    case Primitive::less_equal: return map2<T, LessEqual>;
    case Primitive::equal: return map2<T, Equal>;
    case Primitive::logical_not: return map1<T, LogicalNot>;
    case Primitive::logical_and: return map2<T, LogicalAnd>;
    case Primitive::logical_or: return map2<T, LogicalOr>;
    case Primitive::select: return map3<T, Select>;
    case Primitive::is_finite: return map1<T, IsFinite>;
    case Primitive::is_nan: return map1<T, IsNan>;
    case Primitive::copy_sign: return map2<T, CopySign>;
  }
  return nullptr;
}

PrimitiveFunction find_here(Primitive primitive, bool is_f64) {
  return is_f64 ? find<double>(primitive) : find<float>(primitive);
}

const char* name_here() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace wengert::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::kernels {

HWY_EXPORT(find_here);
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

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(name_here)(); }

}  // namespace wengert::kernels
#endif
