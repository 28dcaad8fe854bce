#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/apart.h"
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>

namespace wengert {
namespace {

/// The parameters after some steps of training, as bits.
std::vector<double> trained(double start) {
  Parameter weight(full({6, 5}, start, DType::f64), "weight");
  const Tensor x = linspace(-1, 1, 24, DType::f64).reshape({4, 6});
  for (int step = 0; step < 30; ++step) {
    Tape tape;
    const Tensor loss = mean(square(sigmoid(matmul(x, weight.value())) - 0.25));
    const Tensor gradient = tape.gradient(loss)[weight];
    weight.assign(stop_gradient(weight - 0.5 * gradient));
  }
  const auto elements = weight.value().data<double>();
  return {elements.begin(), elements.end()};
}

TEST(TapeThreads, GiveTheBitsThatEachGivesAlone) {
  const std::vector<double> first = trained(0.1);
  const std::vector<double> second = trained(-0.2);
  std::vector<double> beside_first;
  std::vector<double> beside_second;
  std::thread a([&] { beside_first = trained(0.1); });
  std::thread b([&] { beside_second = trained(-0.2); });
  a.join();
  b.join();
  EXPECT_EQ(beside_first, first);
  EXPECT_EQ(beside_second, second);
}

TEST(TapeThreads, DifferentiateOneNewOperationAtOnce) {
  // The derivatives of a pointwise operation are made when first asked for: by both threads here.
  const Operation wave = pointwise("wave", {.formula = [](Scalar x) { return sin(x * x) * x; }});
  const auto third = [&] {
    const auto f = [&](const Tensor& t) { return apply(wave, {t}); };
    return grad([&](const Tensor& t) { return grad([&](const Tensor& u) { return grad(f)(u); })(t); })(Tensor(0.75))
        .item();
  };
  double beside = 0;
  std::thread other([&] { beside = third(); });
  const double here = third();
  other.join();
  EXPECT_EQ(beside, here);
}

TEST(TapeThreads, RegisterOneOperationOfAName) {
  test::apart([] {
    constexpr std::size_t names = 500;
    std::vector<Operation> operations;
    for (std::size_t i = 0; i < 2 * names; ++i) {
      operations.push_back(pointwise("own" + std::to_string(i / 2), {.formula = [](Scalar x) { return x; }}));
    }
    std::atomic<std::size_t> arrived = 0, registered = 0;
    const auto run = [&](std::size_t own) {
      for (std::size_t i = 0; i < names; ++i) {
        for (++arrived; arrived < 2 * (i + 1);) {
        }
        try {
          register_operation(operations[2 * i + own]);
          ++registered;
        } catch (const ValueError&) {
        }
      }
    };
    std::thread other(run, 1);
    run(0);
    other.join();
    EXPECT_EQ(registered, names);
  });
}

TEST(TapeThreads, ShareTensorsThatBothRead) {
  const Tensor x = linspace(0, 1, 1000, DType::f64);
  const Parameter p(Tensor(2.0));
  std::vector<double> results(4);
  std::vector<std::thread> threads;
  for (double& result : results) {
    threads.emplace_back([&] {
      Tape tape;
      const Tensor y = sum(tape.watch(x) * p);
      result = tape.gradient(y)[p].item();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double result : results) EXPECT_NEAR(result, 500, 1e-10);  // a thousand roundings at most
}

TEST(TapeThreads, AreToldThatATapeBelongsToAnother) {
  Tape tape;
  const Tensor x = tape.watch(Tensor(2.0));
  const Tensor y = x * x;
  std::string from_tape;
  std::string from_y;
  double value = 0;
  std::thread([&] {
    try {
      tape.gradient(y, x);
    } catch (const GradientError& error) {
      from_tape = error.what();
    }
    Tape own;
    const Tensor z = own.watch(Tensor(1.0));
    try {
      own.gradient(y, z);
    } catch (const GradientError& error) {
      from_y = error.what();
    }
    value = own.gradient(y * z, z).item();
  }).join();
  EXPECT_EQ(from_tape,
            "the tape was opened on another thread, or outside of the function of a checkpoint or custom_vjp; use it "
            "where it was made");
  EXPECT_EQ(from_y, "gradient: y was computed on a tape that is closed, or on another thread");
  EXPECT_EQ(value, 4.0) << "as a constant it is as good as any";
  EXPECT_EQ(tape.gradient(y, x).item(), 4.0);
}

}  // namespace
}  // namespace wengert
