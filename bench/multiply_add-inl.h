// The loop that measures how many multiply-adds one core can do, compiled once per instruction set as the library's
// kernels are: for the programs that set HWY_TARGET_INCLUDE.

#if defined(WENGERT_BENCH_MULTIPLY_ADD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WENGERT_BENCH_MULTIPLY_ADD_INL_H_
#undef WENGERT_BENCH_MULTIPLY_ADD_INL_H_
#else
#define WENGERT_BENCH_MULTIPLY_ADD_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Twelve sums that do not wait for one another, and differ, or the compiler would take them for one. Returns how many
/// multiply-adds were done.
template <typename T>
double multiply_add(int rounds, T& result) {
  const hn::ScalableTag<T> d;
  const auto factor = hn::Set(d, static_cast<T>(0.999)), term = hn::Set(d, static_cast<T>(0.001));
  auto a0 = hn::Iota(d, 0), a1 = hn::Iota(d, 1), a2 = hn::Iota(d, 2), a3 = hn::Iota(d, 3), a4 = hn::Iota(d, 4),
       a5 = hn::Iota(d, 5), a6 = hn::Iota(d, 6), a7 = hn::Iota(d, 7), b0 = hn::Iota(d, 8), b1 = hn::Iota(d, 9),
       b2 = hn::Iota(d, 10), b3 = hn::Iota(d, 11);
  for (int i = 0; i < rounds; ++i) {
    a0 = hn::MulAdd(a0, factor, term);
    a1 = hn::MulAdd(a1, factor, term);
    a2 = hn::MulAdd(a2, factor, term);
    a3 = hn::MulAdd(a3, factor, term);
    a4 = hn::MulAdd(a4, factor, term);
    a5 = hn::MulAdd(a5, factor, term);
    a6 = hn::MulAdd(a6, factor, term);
    a7 = hn::MulAdd(a7, factor, term);
    b0 = hn::MulAdd(b0, factor, term);
    b1 = hn::MulAdd(b1, factor, term);
    b2 = hn::MulAdd(b2, factor, term);
    b3 = hn::MulAdd(b3, factor, term);
  }
  const auto a = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)));
  const auto b = hn::Add(hn::Add(b0, b1), hn::Add(b2, b3));
  result = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  return 12.0 * static_cast<double>(hn::Lanes(d)) * rounds;
}

double multiply_add_f32(int rounds, float& result) { return multiply_add(rounds, result); }
double multiply_add_f64(int rounds, double& result) { return multiply_add(rounds, result); }

}  // namespace HWY_NAMESPACE
}  // namespace
HWY_AFTER_NAMESPACE();

#endif
