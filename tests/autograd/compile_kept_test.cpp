#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// What a compiled function keeps: of its programs those that were used last, and of a program what somebody reads.

namespace wengert {
namespace {

Tensor row(std::int64_t size) { return random_tensor({size}, static_cast<std::uint64_t>(size)); }

TEST(Compile, KeepsTheEightProgramsThatWereUsedLast) {
  int runs = 0;
  const auto square_sum = compile([&](const Tensor& x) {
    ++runs;
    return sum(x * x);
  });
  const auto is_recorded_anew = [&](std::int64_t size) {
    const int before = runs;
    const Tensor x = row(size);
    EXPECT_TRUE(same_bits(square_sum(x), sum(x * x)));
    return runs > before;
  };
  for (std::int64_t size = 1; size <= 8; ++size) EXPECT_TRUE(is_recorded_anew(size));
  EXPECT_FALSE(is_recorded_anew(1));
  EXPECT_TRUE(is_recorded_anew(9));  // in the place of 2's
  EXPECT_FALSE(is_recorded_anew(1));
  for (std::int64_t size = 3; size <= 9; ++size) EXPECT_FALSE(is_recorded_anew(size));
  EXPECT_TRUE(is_recorded_anew(2));
}

TEST(Compile, KeepsAsManyProgramsAsItIsTold) {
  int runs = 0;
  const auto counted = [&](const Tensor& x) {
    ++runs;
    return sum(x);
  };
  const auto two = compile(counted, {.programs = 2}), twenty = compile(counted, {.programs = 20});
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t size = 1; size <= 20; ++size) twenty(row(size));
  }
  EXPECT_EQ(runs, 20);
  for (const int size : {1, 2, 1, 2, 3, 1}) two(row(size));
  EXPECT_EQ(runs, 20 + 4);
  EXPECT_THROW(compile(counted, {.programs = 0}), ValueError);
}

TEST(Compile, LetsGoOfWhatNobodyNeedsWhileItRecords) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the pool is off under the sanitizer";
#endif
  auto chain = compile([](Tensor x) {
    for (int i = 0; i < 200; ++i) x = sin(x);
    return x;
  });
  kernels::release_cached_memory();
  const std::uint64_t before = kernels::system_allocations();
  chain(random_tensor({1 << 16}, 1));
  EXPECT_LT(kernels::system_allocations() - before, 30U) << "not one for each of the 200 results";
}

TEST(Compile, GivesResultsThatOutliveTheirProgram) {
  const auto scaled = compile([](const Tensor& x) {
    return std::vector<Tensor>{exp(x) * x, x.reshape({1, x.size()})};
  });
  const std::vector<Tensor> recorded = scaled(row(1)), replayed = scaled(row(1));
  for (std::int64_t size = 2; size <= 20; ++size) scaled(row(size));
  for (const std::vector<Tensor>& kept : {recorded, replayed}) {
    EXPECT_TRUE(same_bits(kept[0], exp(row(1)) * row(1)));
    EXPECT_TRUE(same_bits(kept[1], row(1).reshape({1, 1})));
  }
}

TEST(Compile, NeitherComputesWhatNobodyReadsNorThrowsForIt) {
  const Tensor x({1.0, 2.0, 4.0}), inside({2, 0}), outside({2, 3});
  const auto drops = compile([](const Tensor& values, const Tensor& places) {
    const Tensor unread = take(values, places);
    return values * 2.0;
  });
  const auto reads = compile([](const Tensor& values, const Tensor& places) { return take(values, places) * 2.0; });
  EXPECT_TRUE(same_bits(drops(x, inside), x * 2.0));
  EXPECT_TRUE(same_bits(drops(x, outside), x * 2.0));
  EXPECT_TRUE(same_bits(reads(x, inside), Tensor({8.0, 2.0})));
  EXPECT_THROW(reads(x, outside), Error);
  EXPECT_TRUE(same_bits(reads(x, inside), Tensor({8.0, 2.0})));
}

}  // namespace
}  // namespace wengert
