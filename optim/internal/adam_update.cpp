#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/kernels/processor.h>
#include <wengert/autograd/scalar.h>
#include <wengert/optim/internal/adam_update.h>
#include <wengert/optim/internal/zero_below.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/optim/internal/adam_update.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/reciprocal-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::optim::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// An entry of a parameter, and its moments.
template <typename Number>
struct Entry {
  Number p, m, v;
};

/// One step of one entry (Kingma and Ba, "Adam", 2015; ε outside the bias correction), on symbolic numbers or on
/// vectors. 1 − β comes as one number, c: in f32 the difference of 1 and a rounded β would be another.
template <class On, typename Number>
HWY_INLINE Entry<Number> moved(Entry<Number> old, Number g, Number rate, Number c1, Number c2, Number epsilon,
                               Number least_m, Number least_v) {
  const Number mean = On::fma(g - old.m, c1, old.m);
  const Number square = On::fma(On::fma_less(g, g, old.v), c2, old.v);  // never negative
  const Number m = On::unless_below(least_m, On::abs(mean), mean);
  const Number v = On::unless_below(least_v, square, square);
  return {On::less_product(old.p, rate, m * On::reciprocal(On::root(v) + epsilon)), m, v};
}

/// What is done on vectors, each rounded once: the bits are the same whether it `divides` or not, as the reciprocal is
/// the correctly rounded quotient.
template <typename T, bool divides>
struct Vectors {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  static HWY_INLINE V fma(V a, V b, V c) { return hn::MulAdd(a, b, c); }
  static HWY_INLINE V fma_less(V a, V b, V c) { return hn::MulSub(a, b, c); }
  static HWY_INLINE V less_product(V a, V b, V c) { return hn::NegMulAdd(b, c, a); }
  static HWY_INLINE V root(V x) { return hn::Sqrt(x); }
  static HWY_INLINE V reciprocal(V x) {
    if constexpr (divides)
      return hn::Div(hn::Set(D(), 1), x);
    else
      return kernels::HWY_NAMESPACE::reciprocal(D(), x);
  }
  static HWY_INLINE V abs(V x) { return hn::Abs(x); }
  static HWY_INLINE V unless_below(V least, V size, V x) { return hn::IfThenZeroElse(hn::Lt(size, least), x); }
};

template <typename T, bool is_array = false>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> load(const kernels::Operand& x, std::size_t i) {
  return hn::LoadU(hn::ScalableTag<T>(), static_cast<const T*>(x.data) + (is_array ? i : i & x.mask));
}

/// The interpreter would read and write every intermediate result; here they stay in registers.
template <typename T, bool decays, bool are_arrays, bool divides = false>
void update_entries(const kernels::Operand* in, const kernels::Operand* uniforms, void* const* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  const auto c1 = load<T>(uniforms[0], 0), c2 = load<T>(uniforms[1], 0), epsilon = load<T>(uniforms[2], 0),
             least_m = load<T>(uniforms[3], 0), least_v = load<T>(uniforms[4], 0), rate = load<T>(in[4], 0),
             decay = load<T>(in[decays ? 5 : 4], 0);
  // What is written could be these for all that the compiler knows.
  const kernels::Operand p = in[0], m = in[1], v = in[2], gradient = in[3];
  const std::array<T*, 3> results{static_cast<T*>(out[0]), static_cast<T*>(out[1]), static_cast<T*>(out[2])};
  const auto entry = [&](const kernels::Operand& x, std::size_t i) HWY_ATTR { return load<T, are_arrays>(x, i); };
  const auto update_vector = [&](std::size_t i) HWY_ATTR {
    Entry<hn::Vec<decltype(d)>> old{entry(p, i), entry(m, i), entry(v, i)};
    if constexpr (decays) old.p = old.p - old.p * decay;
    const auto next = moved<Vectors<T, divides>>(old, entry(gradient, i), rate, c1, c2, epsilon, least_m, least_v);
    hn::StoreU(next.p, d, results[0] + i);
    hn::StoreU(next.m, d, results[1] + i);
    hn::StoreU(next.v, d, results[2] + i);
  };
  if constexpr (are_arrays && sizeof(T) == sizeof(float)) {
    HWY_UNROLL(4)
    for (std::size_t i = 0; i < count; i += hn::Lanes(d)) update_vector(i);
  } else {
    for (std::size_t i = 0; i < count; i += hn::Lanes(d)) update_vector(i);
  }
}

template <typename T, bool decays>
void update(const kernels::Operand* in, const kernels::Operand* uniforms, void* const* out, std::size_t count) {
  const bool are_arrays = std::all_of(in, in + 4, [](const kernels::Operand& x) { return x.mask != 0; });
  if constexpr (HWY_TARGET <= HWY_AVX3 && sizeof(T) == sizeof(float)) {
    static const bool divides = kernels::divides_quickly();
    if (are_arrays && divides) return update_entries<T, decays, true, true>(in, uniforms, out, count);
  }
  (are_arrays ? update_entries<T, decays, true> : update_entries<T, decays, false>)(in, uniforms, out, count);
}

kernels::NativePointwise find_native([[maybe_unused]] bool decays) {
#if HWY_TARGET == HWY_SCALAR
  return {};  // it has no fused multiply-add: products would be rounded, as those of the program are not
#else
  if (decays) return {update<float, true>, update<double, true>};
  return {update<float, false>, update<double, false>};
#endif
}

}  // namespace
}  // namespace wengert::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::optim::detail {
namespace {

HWY_EXPORT(find_native);

/// The same on symbolic numbers.
struct Symbolic {
  static Scalar fma(Scalar a, Scalar b, Scalar c) { return wengert::fma(a, b, c); }
  static Scalar fma_less(Scalar a, Scalar b, Scalar c) { return wengert::fma(a, b, -c); }
  static Scalar less_product(Scalar a, Scalar b, Scalar c) { return wengert::fma(-b, c, a); }
  static Scalar root(Scalar x) { return sqrt(x); }
  static Scalar reciprocal(Scalar x) { return 1.0 / x; }
  static Scalar abs(Scalar x) { return wengert::abs(x); }
  static Scalar unless_below(Scalar least, Scalar size, Scalar x) { return detail::unless_below(least, size, x); }
};

std::array<Scalar, 3> results_of(const HWY_NAMESPACE::Entry<Scalar>& entry) { return {entry.p, entry.m, entry.v}; }

Operation update_operation(std::string_view name, Formula formula, bool decays) {
  return pointwise(name, {.formula = std::move(formula),
                          .attributes = {{"one_minus_beta_1", 0.0},  // all are given
                                         {"one_minus_beta_2", 0.0},
                                         {"epsilon", 0.0},
                                         {"least_m", 0.0},
                                         {"least_v", 0.0}},
                          .differentiable = false,
                          .native = HWY_DYNAMIC_DISPATCH(find_native)(decays)});
}

}  // namespace

const Operation& adam_update() {
  const auto formula = [](Scalar p, Scalar m, Scalar v, Scalar g, Scalar rate, Scalar c1, Scalar c2, Scalar epsilon,
                          Scalar least_m, Scalar least_v) {
    return results_of(HWY_NAMESPACE::moved<Symbolic>({p, m, v}, g, rate, c1, c2, epsilon, least_m, least_v));
  };
  static const Operation operation = update_operation("adam", formula, false);
  return operation;
}

const Operation& adamw_update() {
  const auto formula = [](Scalar p, Scalar m, Scalar v, Scalar g, Scalar rate, Scalar decay, Scalar c1, Scalar c2,
                          Scalar epsilon, Scalar least_m, Scalar least_v) {
    return results_of(
        HWY_NAMESPACE::moved<Symbolic>({p - p * decay, m, v}, g, rate, c1, c2, epsilon, least_m, least_v));
  };
  static const Operation operation = update_operation("adamw", formula, true);
  return operation;
}

}  // namespace wengert::optim::detail
#endif
