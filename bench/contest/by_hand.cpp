#include <barrier>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
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

namespace {

/// Threads that stand by between calls.
class Crew {
 public:
  Crew(int threads, std::function<void(int)> part) : part_(std::move(part)), gate_(threads) {
    for (int number = 1; number < threads; ++number) others_.emplace_back([this, number] { serve(number); });
  }
  ~Crew() {
    is_over_ = true;
    gate_.arrive_and_wait();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls the part for 0 … threads − 1, each on its thread.
  void run() {
    gate_.arrive_and_wait();
    part_(0);
    gate_.arrive_and_wait();
  }

 private:
  void serve(int number) {
    while (true) {
      gate_.arrive_and_wait();
      if (is_over_) return;
      part_(number);
      gate_.arrive_and_wait();
    }
  }

  std::function<void(int)> part_;
  std::barrier<> gate_;
  bool is_over_ = false;
  std::vector<std::jthread> others_;
};

}  // namespace

Call chain_by_hand(const wengert::Tensor& x, int threads) {
  const std::int64_t count = x.size();
  if (threads < 1 || count % (64 * threads) != 0) {
    throw wengert::ValueError("chain by hand: the loop knows no remainder; expected a multiple of 64 for each thread");
  }
  // The gradient is written to memory that is there, as a compiled program does.
  const auto gradient = std::make_shared<std::vector<float>>(static_cast<std::size_t>(count));
  const wengert::Tensor shown = wengert::Tensor::borrow(gradient->data(), x.shape(), gradient);
  const auto sums = std::make_shared<std::vector<double>>(static_cast<std::size_t>(threads));
  const auto crew = std::make_shared<Crew>(threads, [=](int number) {
    const std::int64_t begin = count / threads * number;
    (*sums)[static_cast<std::size_t>(number)] =
        HWY_DYNAMIC_DISPATCH(chain_pass)(x.data<float>().data() + begin, gradient->data() + begin, count / threads);
  });
  return [=] {
    crew->run();
    double total = 0;
    for (const double sum : *sums) total += sum;
    return std::vector{wengert::Tensor(static_cast<float>(total)), shown};
  };
}

}  // namespace contest
#endif  // HWY_ONCE
