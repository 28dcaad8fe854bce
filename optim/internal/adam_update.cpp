#include <array>
#include <cstddef>
#include <utility>

#include <wengert/autograd/kernels/instruction_sets.h>
#include <wengert/autograd/scalar.h>
#include <wengert/optim/internal/adam_update.h>
#include <wengert/optim/internal/zero_below.h>

// This file is compiled once per instruction set (Highway's foreach_target).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <wengert/optim/internal/adam_update.cpp>
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <wengert/autograd/kernels/quotient-inl.h>

HWY_BEFORE_NAMESPACE();
namespace wengert::optim::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// One step of one entry (Kingma and Ba, "Adam", 2015; ε outside the bias correction), on symbolic numbers or on
/// vectors. 1 − β comes as one number, c: in f32 the difference of 1 and a rounded β would be another.
template <class On, typename Number>
HWY_INLINE std::array<Number, 3> moved(Number p, Number m, Number v, Number g, Number rate, Number c1, Number c2,
                                       Number epsilon, Number least_m, Number least_v) {
  const Number first = On::zero_below(On::fma(g - m, c1, m), least_m);
  const Number second = On::zero_if_below(On::fma(On::fma_less(g, g, v), c2, v), least_v);
  return {On::less_product(p, rate, On::quotient(first, On::root(second) + epsilon)), first, second};
}

template <typename T>
struct Vectors {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  static HWY_INLINE V fma(V a, V b, V c) { return hn::MulAdd(a, b, c); }
  static HWY_INLINE V fma_less(V a, V b, V c) { return hn::MulSub(a, b, c); }
  static HWY_INLINE V less_product(V a, V b, V c) { return hn::NegMulAdd(b, c, a); }
  static HWY_INLINE V root(V x) { return hn::Sqrt(x); }
  static HWY_INLINE V quotient(V a, V b) { return kernels::HWY_NAMESPACE::quotient(D(), a, b); }
  static HWY_INLINE V zero_if_below(V x, V least) { return hn::IfThenZeroElse(hn::Lt(x, least), x); }
  static HWY_INLINE V zero_below(V x, V least) { return hn::IfThenZeroElse(hn::Lt(hn::Abs(x), least), x); }
};

template <typename T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> load(const kernels::Operand& x, std::size_t i) {
  return hn::LoadU(hn::ScalableTag<T>(), static_cast<const T*>(x.data) + (i & x.mask));
}

/// The interpreter would read and write every intermediate result; here they stay in registers.
template <typename T, bool decays>
void update(const kernels::Operand* in, const kernels::Operand* uniforms, void* const* out, std::size_t count) {
  const hn::ScalableTag<T> d;
  const auto c1 = load<T>(uniforms[0], 0), c2 = load<T>(uniforms[1], 0), epsilon = load<T>(uniforms[2], 0),
             least_m = load<T>(uniforms[3], 0), least_v = load<T>(uniforms[4], 0);
  const kernels::Operand p_in = in[0], m_in = in[1], v_in = in[2], g_in = in[3], rate = in[4];
  T* const p_out = static_cast<T*>(out[0]);
  T* const m_out = static_cast<T*>(out[1]);
  T* const v_out = static_cast<T*>(out[2]);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    auto p = load<T>(p_in, i);
    if constexpr (decays) p = p - p * load<T>(in[5], i);
    const auto next = moved<Vectors<T>>(p, load<T>(m_in, i), load<T>(v_in, i), load<T>(g_in, i), load<T>(rate, i), c1,
                                        c2, epsilon, least_m, least_v);
    hn::StoreU(next[0], d, p_out + i);
    hn::StoreU(next[1], d, m_out + i);
    hn::StoreU(next[2], d, v_out + i);
  }
}

kernels::NativePointwise find_native(bool decays) {
  if (decays) return {update<float, true>, update<double, true>};
  return {update<float, false>, update<double, false>};
}

}  // namespace
}  // namespace wengert::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace wengert::optim::detail {
namespace {

HWY_EXPORT(find_native);

struct Symbolic {
  static Scalar fma(Scalar a, Scalar b, Scalar c) { return wengert::fma(a, b, c); }
  static Scalar fma_less(Scalar a, Scalar b, Scalar c) { return wengert::fma(a, b, -c); }
  static Scalar less_product(Scalar a, Scalar b, Scalar c) { return wengert::fma(-b, c, a); }
  static Scalar root(Scalar x) { return sqrt(x); }
  static Scalar quotient(Scalar a, Scalar b) { return a / b; }
  static Scalar zero_if_below(Scalar x, Scalar least) { return select(x < least, 0.0, x); }
  static Scalar zero_below(Scalar x, Scalar least) { return detail::zero_below(x, least); }
};

Operation update_operation(std::string name, Formula formula, bool decays) {
  return pointwise(std::move(name), {.formula = std::move(formula),
                                     .attributes = {{"one_minus_beta_1", 0.1},
                                                    {"one_minus_beta_2", 0.001},
                                                    {"epsilon", 1e-7},
                                                    {"least_m", least_moment(DType::f32)},
                                                    {"least_v", least_square(DType::f32, 1e-7)}},
                                     .differentiable = false,
                                     .native = HWY_DYNAMIC_DISPATCH(find_native)(decays)});
}

}  // namespace

const Operation& adam_update() {
  const auto formula = [](Scalar p, Scalar m, Scalar v, Scalar g, Scalar rate, Scalar c1, Scalar c2, Scalar epsilon,
                          Scalar least_m, Scalar least_v) {
    return HWY_NAMESPACE::moved<Symbolic>(p, m, v, g, rate, c1, c2, epsilon, least_m, least_v);
  };
  static const Operation operation = update_operation("adam", formula, false);
  return operation;
}

const Operation& adamw_update() {
  const auto formula = [](Scalar p, Scalar m, Scalar v, Scalar g, Scalar rate, Scalar decay, Scalar c1, Scalar c2,
                          Scalar epsilon, Scalar least_m, Scalar least_v) {
    return HWY_NAMESPACE::moved<Symbolic>(p - p * decay, m, v, g, rate, c1, c2, epsilon, least_m, least_v);
  };
  static const Operation operation = update_operation("adamw", formula, true);
  return operation;
}

}  // namespace wengert::optim::detail
#endif
