#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <wengert/autograd/kernels/primitives.h>

namespace wengert::kernels {
namespace {

// Signed arithmetic goes by way of the unsigned type, where overflow is defined to wrap.
template <typename T>
std::make_unsigned_t<T> bits(T x) {
  return static_cast<std::make_unsigned_t<T>>(x);
}

template <typename T>
T negate(T x) {
  return static_cast<T>(0 - bits(x));
}

template <typename T>
T quotient(T a, T b) {
  if (b == 0) return 0;
  return b == -1 ? negate(a) : static_cast<T>(a / b);
}

// Applies `f`, a function of one to three numbers, to each element. Whole blocks: the elements beyond `count` are
// there, and mean nothing.
template <typename T, auto f>
void map(const Operand& first, const Operand& second, const Operand& third, void* out, std::size_t count) {
  const Operand a = first;
  [[maybe_unused]] const Operand b = second, c = third;
  constexpr std::size_t block = block_bytes / sizeof(T);
  const std::size_t end = (count + block - 1) / block * block;
  const auto at = [](const Operand& x, std::size_t i) { return static_cast<const T*>(x.data)[i & x.mask]; };
  T* const result = static_cast<T*>(out);
  for (std::size_t i = 0; i < end; ++i) {
    if constexpr (std::is_invocable_v<decltype(f), T>) {
      result[i] = f(at(a, i));
    } else if constexpr (std::is_invocable_v<decltype(f), T, T>) {
      result[i] = f(at(a, i), at(b, i));
    } else {
      result[i] = f(at(a, i), at(b, i), at(c, i));
    }
  }
}

template <typename T>
PrimitiveFunction find(Primitive primitive) {
  switch (primitive) {
    case Primitive::add: return map<T, [](T a, T b) { return static_cast<T>(bits(a) + bits(b)); }>;
    case Primitive::sub: return map<T, [](T a, T b) { return static_cast<T>(bits(a) - bits(b)); }>;
    case Primitive::mul: return map<T, [](T a, T b) { return static_cast<T>(bits(a) * bits(b)); }>;
    case Primitive::fma: return map<T, [](T a, T b, T c) { return static_cast<T>(bits(a) * bits(b) + bits(c)); }>;
    case Primitive::div: return map<T, [](T a, T b) { return quotient(a, b); }>;
    case Primitive::neg: return map<T, [](T a) { return negate(a); }>;
    case Primitive::abs: return map<T, [](T a) { return a < 0 ? negate(a) : a; }>;
    case Primitive::minimum: return map<T, [](T a, T b) { return a < b ? a : b; }>;
    case Primitive::maximum: return map<T, [](T a, T b) { return a < b ? b : a; }>;
    case Primitive::floor:
    case Primitive::ceil:
    case Primitive::round: return map<T, [](T a) { return a; }>;
    case Primitive::less: return map<T, [](T a, T b) { return T{a < b}; }>;
    case Primitive::less_equal: return map<T, [](T a, T b) { return T{a <= b}; }>;
    case Primitive::equal: return map<T, [](T a, T b) { return T{a == b}; }>;
    case Primitive::logical_not: return map<T, [](T a) { return T{a == 0}; }>;
    case Primitive::logical_and: return map<T, [](T a, T b) { return T{a != 0 && b != 0}; }>;
    case Primitive::logical_or: return map<T, [](T a, T b) { return T{a != 0 || b != 0}; }>;
    case Primitive::select: return map<T, [](T a, T b, T c) { return a != 0 ? b : c; }>;
    case Primitive::is_finite: return map<T, [](T) { return T{1}; }>;
    case Primitive::is_nan: return map<T, [](T) { return T{0}; }>;
    case Primitive::copy_sign: return map<T, [](T a, T b) { return (a < 0) == (b < 0) ? a : negate(a); }>;
    default: return nullptr;
  }
}

template <typename T>
PrimitiveFunction find(PrimitivePair pair) {
  switch (pair) {
    case PrimitivePair::add_add:
      return map<T, [](T a, T b, T c) { return static_cast<T>(bits(a) + bits(b) + bits(c)); }>;
    case PrimitivePair::add_mul:
      return map<T, [](T a, T b, T c) { return static_cast<T>((bits(a) + bits(b)) * bits(c)); }>;
    case PrimitivePair::add_div:
      return map<T, [](T a, T b, T c) { return quotient(c, static_cast<T>(bits(a) + bits(b))); }>;
    case PrimitivePair::sub_mul:
      return map<T, [](T a, T b, T c) { return static_cast<T>((bits(a) - bits(b)) * bits(c)); }>;
    case PrimitivePair::mul_add:
      return map<T, [](T a, T b, T c) { return static_cast<T>(bits(a) * bits(b) + bits(c)); }>;
    case PrimitivePair::mul_sub:
      return map<T, [](T a, T b, T c) { return static_cast<T>(bits(a) * bits(b) - bits(c)); }>;
    case PrimitivePair::mul_mul:
      return map<T, [](T a, T b, T c) { return static_cast<T>(bits(a) * bits(b) * bits(c)); }>;
    case PrimitivePair::mul_sub_from:
      return map<T, [](T a, T b, T c) { return static_cast<T>(bits(c) - bits(a) * bits(b)); }>;
  }
  return nullptr;
}

}  // namespace

PrimitiveFunction find_integer_primitive(PrimitivePair pair, bool is_i64) {
  return is_i64 ? find<std::int64_t>(pair) : find<std::int32_t>(pair);
}

PrimitiveFunction find_integer_primitive(Primitive primitive, bool is_i64) {
  return is_i64 ? find<std::int64_t>(primitive) : find<std::int32_t>(primitive);
}

}  // namespace wengert::kernels
