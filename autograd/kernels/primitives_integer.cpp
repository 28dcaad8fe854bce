#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
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

// Elements of some blocks. More than one, or g++ would write a loop over them out.
template <typename T>
using Blocks = std::array<T, 4 * block_elements<T>>;

// An operand, some blocks at a time; of a single number, that over and over.
template <typename T>
class Elements {
 public:
  [[gnu::noinline]] explicit Elements(const Operand& x)
      : data_(static_cast<const T*>(x.data)), is_number_(x.mask == 0) {
    if (is_number_) number_.fill(*data_);
  }
  const T* at(std::size_t i) const { return is_number_ ? number_.data() : data_ + i; }

 private:
  const T* data_;
  bool is_number_;
  Blocks<T> number_;
};

// Applies `f`, a function of one to three numbers, to each element. Whole blocks: the elements beyond `count` are
// there, and mean nothing. Results go to memory of their own first, so that loops become vectors.
template <typename T, auto f, typename... Operands>
void map_blocks(void* out, std::size_t count, const Operands&... operands) {
  const std::size_t end = whole_blocks(count * sizeof(T)) / sizeof(T);
  const std::tuple inputs{Elements<T>(operands)...};
  Blocks<T> results;
  for (std::size_t i = 0; i < end; i += results.size()) {
    const std::size_t size = std::min(results.size(), end - i);
    const auto compute = [&](const auto*... elements) {
      for (std::size_t j = 0; j < size; ++j) results[j] = f(elements[j]...);
    };
    std::apply([&](const auto&... input) { compute(input.at(i)...); }, inputs);
    std::copy_n(results.data(), size, static_cast<T*>(out) + i);
  }
}

template <typename T, auto f>
void map(const Operand& a, [[maybe_unused]] const Operand& b, [[maybe_unused]] const Operand& c, void* out,
         std::size_t count) {
  if constexpr (std::is_invocable_v<decltype(f), T>) {
    map_blocks<T, f>(out, count, a);
  } else if constexpr (std::is_invocable_v<decltype(f), T, T>) {
    map_blocks<T, f>(out, count, a, b);
  } else {
    map_blocks<T, f>(out, count, a, b, c);
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

}  // namespace

PrimitiveFunction find_integer_primitive(Primitive primitive, bool is_i64) {
  return is_i64 ? find<std::int64_t>(primitive) : find<std::int32_t>(primitive);
}

}  // namespace wengert::kernels
