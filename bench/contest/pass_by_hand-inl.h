// The chain of the contest as one would write it for speed alone: vectors of the machine, forward and backward in one
// pass, each element read once and each derivative written once. Compiled once per instruction set, for the program
// that sets HWY_TARGET_INCLUDE.

#if defined(WENGERT_BENCH_PASS_BY_HAND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_BENCH_PASS_BY_HAND_INL_H_
#undef WENGERT_BENCH_PASS_BY_HAND_INL_H_
#else
#define WENGERT_BENCH_PASS_BY_HAND_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace contest {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// y = t x + s/2 + x² with t = tanh x and s = sigmoid x; dy = (1 − t²) x + t + s (1 − s)/2 + 2 x. `count` is a multiple
/// of the vector's length. Returns Σ y.
double chain_pass(const float* x, float* dx, std::int64_t count) {
  const hn::ScalableTag<float> d;
  const auto one = hn::Set(d, 1.0F), half = hn::Set(d, 0.5F), two = hn::Set(d, 2.0F);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += 4096) {  // blocks, or a sum in f32 would lose digits
    auto sum = hn::Zero(d);
    const std::int64_t end = count - begin < 4096 ? count : begin + 4096;
    for (std::int64_t i = begin; i < end; i += lanes) {
      const auto v = hn::LoadU(d, x + i);
      const auto t = hn::Tanh(d, v);
      const auto s = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(v))));
      sum = hn::Add(sum, hn::MulAdd(hn::Add(t, v), v, hn::Mul(s, half)));
      const auto by_tanh = hn::MulAdd(hn::NegMulAdd(t, t, one), v, t);
      const auto by_sigmoid = hn::Mul(hn::Mul(s, hn::Sub(one, s)), half);
      hn::StoreU(hn::MulAdd(two, v, hn::Add(by_tanh, by_sigmoid)), d, dx + i);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace contest
HWY_AFTER_NAMESPACE();

#endif
