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

HWY_BEFORE_NAMESPACE();
namespace wengert::optim::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// One step of one entry (Kingma and Ba, "Adam", 2015; ε outside the bias correction), on symbolic numbers or on
/// vectors. 1 − β comes as one number, c: in f32 the difference of 1 and a rounded β would be another.
template <typename Number, typename SquareRoot, typename ZeroBelow>
HWY_INLINE std::array<Number, 3> moved(Number p, Number m, Number v, Number g, Number rate, Number c1, Number c2,
                                       Number epsilon, Number least_m, Number least_v, SquareRoot square_root,
                                       ZeroBelow zero_below) {
  const Number first = zero_below(m + (g - m) * c1, least_m);
  const Number second = zero_below(v + (g * g - v) * c2, least_v);
  return {p - rate * first / (square_root(second) + epsilon), first, second};
}

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
  const auto square_root = [](auto x) HWY_ATTR { return hn::Sqrt(x); };
  const auto zero_below = [](auto x, auto bound) HWY_ATTR { return hn::IfThenZeroElse(hn::Lt(hn::Abs(x), bound), x); };
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    auto p = load<T>(in[0], i);
    if constexpr (decays) p = p - p * load<T>(in[5], i);
    const auto next = moved(p, load<T>(in[1], i), load<T>(in[2], i), load<T>(in[3], i), load<T>(in[4], i), c1, c2,
                            epsilon, least_m, least_v, square_root, zero_below);
    for (std::size_t k = 0; k < next.size(); ++k) hn::StoreU(next[k], d, static_cast<T*>(out[k]) + i);
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

Scalar square_root(Scalar x) { return sqrt(x); }

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
    return HWY_NAMESPACE::moved(p, m, v, g, rate, c1, c2, epsilon, least_m, least_v, square_root, zero_below);
  };
  static const Operation operation = update_operation("adam", formula, false);
  return operation;
}

const Operation& adamw_update() {
  const auto formula = [](Scalar p, Scalar m, Scalar v, Scalar g, Scalar rate, Scalar decay, Scalar c1, Scalar c2,
                          Scalar epsilon, Scalar least_m, Scalar least_v) {
    return HWY_NAMESPACE::moved(p - p * decay, m, v, g, rate, c1, c2, epsilon, least_m, least_v, square_root,
                                zero_below);
  };
  static const Operation operation = update_operation("adamw", formula, true);
  return operation;
}

}  // namespace wengert::optim::detail
#endif
