#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/apart.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>

namespace wengert {
namespace {

/// Sets the number of threads for a test.
class KernelThreads : public testing::Test {
 protected:
  void TearDown() override { set_threads(before_); }

 private:
  int before_ = threads();
};

TEST_F(KernelThreads, TakeEveryPieceOnce) {
  set_threads(8);
  for (const std::int64_t pieces : {0, 1, 2, 7, 8, 9, 1000}) {
    std::vector<std::atomic<int>> taken(static_cast<std::size_t>(pieces));
    kernels::parallel_for(pieces, [&](std::int64_t piece) { ++taken[static_cast<std::size_t>(piece)]; });
    for (const std::atomic<int>& times : taken) EXPECT_EQ(times, 1);
  }
}

TEST_F(KernelThreads, CoverARangeInWholeSteps) {
  set_threads(3);
  for (const std::int64_t count : {0, 1, 99, 100, 1001}) {
    std::vector<std::atomic<int>> reached(static_cast<std::size_t>(count));
    kernels::parallel_ranges(count, 10, 1e9, [&](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(begin % 10, 0);
      EXPECT_TRUE(end % 10 == 0 || end == count);
      for (std::int64_t i = begin; i < end; ++i) ++reached[static_cast<std::size_t>(i)];
    });
    for (const std::atomic<int>& times : reached) EXPECT_EQ(times, 1);
  }
}

TEST_F(KernelThreads, ShareWorkOnceItIsWorthIt) {
  set_threads(4);
  EXPECT_EQ(kernels::pieces_of(1000), 1);
  EXPECT_EQ(kernels::pieces_of(1e12) % 4, 0);
  const ThreadLimit alone(1);
  EXPECT_EQ(kernels::pieces_of(1e12), 1);
}

TEST_F(KernelThreads, PassOnWhatAPieceThrows) {
  set_threads(4);
  for (int round = 0; round < 20; ++round) {
    const auto fail = [](std::int64_t piece) {
      if (piece % 3 == 2) throw std::runtime_error("a piece failed");
    };
    EXPECT_THROW(kernels::parallel_for(10, fail), std::runtime_error);
  }
  std::atomic<int> done = 0;
  kernels::parallel_for(10, [&](std::int64_t) { ++done; });
  EXPECT_EQ(done, 10);
}

TEST_F(KernelThreads, WorkAloneWithinAPiece) {
  set_threads(4);
  std::atomic<int> within = 0;
  kernels::parallel_for(16, [&](std::int64_t) {
    EXPECT_EQ(threads(), 1);
    kernels::parallel_for(3, [&](std::int64_t) { ++within; });
  });
  EXPECT_EQ(within, 48);
  EXPECT_EQ(threads(), 4);
}

TEST_F(KernelThreads, ServeSeveralCallersAtOnce) {
  set_threads(3);
  std::atomic<int> done = 0;
  const auto call = [&] {
    for (int round = 0; round < 200; ++round) kernels::parallel_for(5, [&](std::int64_t) { ++done; });
  };
  std::thread other(call), third(call);
  call();
  other.join();
  third.join();
  EXPECT_EQ(done, 3 * 200 * 5);
}

TEST_F(KernelThreads, AreLimitedOnTheThreadThatSaysSo) {
  set_threads(5);
  {
    const ThreadLimit two(2);
    EXPECT_EQ(threads(), 2);
    {
      const ThreadLimit one(0);
      EXPECT_EQ(threads(), 1);
    }
    EXPECT_EQ(threads(), 2);
    std::thread([] { EXPECT_EQ(threads(), 5); }).join();
  }
  EXPECT_EQ(threads(), 5);
  EXPECT_THROW(set_threads(0), ValueError);
}

TEST_F(KernelThreads, AreTwoHundredAndFiftySixAtMost) {
  set_threads(256);
  EXPECT_EQ(threads(), 256);
  set_threads(257);
  EXPECT_EQ(threads(), 256);
  const ThreadLimit more(1000);
  EXPECT_EQ(threads(), 256);
}

TEST(KernelThreadsAtFirst, AreWhatTheEnvironmentSaysOrAsManyAsThereAreProcessors) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // processes that have not asked yet
  const int processors = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 256);
  const std::vector<std::pair<std::string, int>> said = {
      {"1", 1}, {"3", 3}, {"256", 256}, {"1000", 256}, {"0", processors}, {"-2", processors}, {"many", processors}};
  for (const auto& [text, expected] : said) {
    SCOPED_TRACE(text);
    setenv("WENGERT_THREADS", text.c_str(), 1);
    test::apart([count = expected] { EXPECT_EQ(threads(), count); });
  }
  unsetenv("WENGERT_THREADS");
  test::apart([=] { EXPECT_EQ(threads(), processors); });
}

Tensor random(const Shape& shape, DType dtype, std::uint64_t seed) {
  Generator generator(seed);
  return uniform(shape, -2, 2, generator, dtype);
}

/// Large enough that every kernel is shared, with sizes that are no multiples of anything.
std::vector<Tensor> results(DType dtype) {
  const Tensor a = random({301, 1003}, dtype, 1), b = random({1003, 257}, dtype, 2), c = random({301, 257}, dtype, 3);
  const Tensor column = random({301, 1}, dtype, 4), row = random({1003}, dtype, 5);
  const Tensor batch = random({40, 33, 70}, dtype, 6), flat = random({1'000'003}, dtype, 7);
  const Tensor wide = random({700, 3001}, dtype, 12);
  const Tensor low = random({9, 40'001}, dtype, 28), other = random({301, 1003}, dtype, 29);
  const Tensor one_left = random({3001, 65}, dtype, 31);  // columns are shared out by the 32
  // Some indices several times: what is added to one place is added in order.
  const Tensor places = cast(floor(24 * abs(a)), DType::i64), few = cast(floor(70 * abs(row)), DType::i64);
  Generator generator(30);
  return {
      matmul(a, b),
      matmul(a, c, {.transpose_a = true}),
      matmul(c, b, {.transpose_b = true}),
      matmul(batch, random({40, 70, 51}, dtype, 8)),
      matmul(random({61, 1003}, dtype, 21), b),
      matmul(random({3001, 17}, dtype, 22), random({3001, 65}, dtype, 23), {.transpose_a = true}),
      matmul(random({1, 1003}, dtype, 9), b),
      matmul(random({2, 4099}, dtype, 10), random({701, 4099}, dtype, 11), {.transpose_b = true}),
      matmul(random({3, 4}, dtype, 13), random({200'003, 4}, dtype, 14), {.transpose_b = true}),
      matmul(random({3, 901}, dtype, 15), random({901, 1001}, dtype, 16)),
      matmul(random({3, 700}, dtype, 17), wide),
      matmul(random({7, 700}, dtype, 24), wide),
      matmul(random({99, 700}, dtype, 25), wide),
      matmul(random({40, 3001}, dtype, 26), random({3001, 700}, dtype, 27)),  // more than two threads' caches hold
      matmul(a, random({1003, 3}, dtype, 18)),
      matmul(wide, random({3001, 5}, dtype, 19)),
      matmul(wide, random({3, 3001}, dtype, 20), {.transpose_b = true}),
      gelu(a) * column + row,
      where(a > row, sin(a), cast(cast(a, DType::i32), dtype)),
      sum(flat),
      max(flat),
      mean(wide, {0}),
      prod(wide, {1}),
      sum(wide.reshape({7, 100, 3001}), {1}),
      softmax(a),
      log_softmax(a, 0),
      logsumexp(a),
      cast(argmax(a, 0), dtype),
      softmax(low, 0),
      log_softmax(low, 0),
      logsumexp(low, {0}),
      softmax(one_left, 0),
      log_softmax(one_left, 0),
      logsumexp(one_left, {0}),
      cumsum(one_left, 0),
      cast(argmax(one_left, 0), dtype),
      transpose(wide),
      transpose(batch.reshape({40, 33, 35, 2}), {2, 0, 3, 1}),
      flip(wide),
      slice(wide, {1, 2}, {699, 3000}, {2, 3}),
      pad(wide, {1, 2}, {3, 0}, 0.5),
      broadcast_to(row, {301, 1003}),
      concat({a, other, a}),
      concat({a, other}, 1),
      stack({flat, flat}, 1),
      split(wide, 7)[3],
      cumsum(a, 0),
      cumsum(a, 1, true),
      cumsum(flat),
      gather(a, places, 0),
      take(wide, few),
      take(wide, few, 1),
      scatter_add(a, places, other, 1),
      index_add(transpose(a), few, transpose(other)),
      index_add(a, few, other, 1),
      one_hot(places, 50, dtype),
      normal({1'000'003}, 1, 2, generator, dtype),
  };
}

TEST_F(KernelThreads, GiveTheSameBitsWhateverTheirNumber) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    set_threads(1);
    const std::vector<Tensor> expected = results(dtype);
    for (const int count : {2, 3, 7, 64}) {
      set_threads(count);
      const std::vector<Tensor> given = results(dtype);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(same_bits(given[i], expected[i])) << "result " << i << ", " << count << " threads";
      }
    }
  }
}

}  // namespace
}  // namespace wengert
