#include <cstdint>
#include <thread>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "by_hand.cpp"
#include <hwy/foreach_target.h>  // must stand before highway.h
#include <hwy/highway.h>
#include <pass_by_hand-inl.h>

#if HWY_ONCE
#include "works.h"

#include <wengert/autograd/error.h>

namespace contest {

HWY_EXPORT(chain_pass);

Call chain_by_hand(const wengert::Tensor& x, int threads) {
  const std::int64_t count = x.size();
  if (threads < 1 || count % (64 * threads) != 0) {
    throw wengert::ValueError("chain by hand: the loop knows no remainder; expected a multiple of 64 for each thread");
  }
  // The gradient is written to memory that is there, as a compiled program does.
  const auto gradient = std::make_shared<std::vector<float>>(static_cast<std::size_t>(count));
  const wengert::Tensor shown = wengert::Tensor::borrow(gradient->data(), x.shape(), gradient);
  return [=] {
    std::vector<double> sums(static_cast<std::size_t>(threads));
    const auto part = [&](int number) {
      const std::int64_t begin = count / threads * number;
      sums[static_cast<std::size_t>(number)] =
          HWY_DYNAMIC_DISPATCH(chain_pass)(x.data<float>().data() + begin, gradient->data() + begin, count / threads);
    };
    {
      std::vector<std::jthread> others;
      for (int number = 1; number < threads; ++number) others.emplace_back(part, number);
      part(0);
    }
    double total = 0;
    for (const double sum : sums) total += sum;
    return std::vector{wengert::Tensor(static_cast<float>(total)), shown};
  };
}

}  // namespace contest
#endif  // HWY_ONCE
