#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/kernels/memory.h>

namespace wengert::kernels {
namespace {

TEST(Memory, IsPopulatedWithoutAChangeOfWhatStandsThere) {
  const PoolArray<unsigned char> block(3 << 20);
  for (std::size_t i = 0; i < (3 << 20); ++i) *block.at(i) = static_cast<unsigned char>(i % 251);
  const std::vector<unsigned char> before(block.at(0), block.at(3 << 20));
  // Neither whole pages, nor one at all, nor anything.
  populate(block.at(0), 3 << 20);
  populate(block.at(77), (2 << 20) + 1);
  populate(block.at(100), 200);
  populate(block.at(4096), 0);
  populate(nullptr, 0);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), block.at(0)));
}

#ifndef __SANITIZE_ADDRESS__  // which takes the pool away

constexpr std::size_t kibi = 1 << 10, mebi = 1 << 20;

std::vector<void*> blocks_of(std::size_t bytes, std::size_t count) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(allocate(bytes));
  return blocks;
}

void give_back(const std::vector<void*>& blocks, std::size_t bytes) {
  for (void* const block : blocks) deallocate(block, bytes);
}

/// How many of so many blocks, all in use at once, the system has to give.
std::uint64_t asked_of_the_system(std::size_t bytes, std::size_t count = 1) {
  const std::uint64_t before = system_allocations();
  give_back(blocks_of(bytes, count), bytes);
  return system_allocations() - before;
}

/// A pool that keeps nothing, before and after.
class MemoryPool : public testing::Test {
 protected:
  MemoryPool() { release_cached_memory(); }
  ~MemoryPool() override { release_cached_memory(); }
};

TEST_F(MemoryPool, HasFourSizesPerDoublingOnWholeCacheLines) {
  for (std::size_t doubling = 64; doubling <= 32 * mebi; doubling *= 2) {
    const std::size_t quarter = doubling / 4;
    for (std::size_t most = doubling + quarter; most <= 2 * doubling; most += quarter) {
      SCOPED_TRACE(most);
      void* const block = allocate(most - quarter + 1);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0);
      deallocate(block, most - quarter + 1);
      EXPECT_EQ(asked_of_the_system(most), 0) << "the largest of the size";
      EXPECT_EQ(asked_of_the_system(most + 1), 1) << "the smallest of the next";
      release_cached_memory();
    }
  }
}

TEST_F(MemoryPool, BeginsLargeBlocksAtHugePages) {
  for (const std::size_t bytes : {2 * mebi, 2 * mebi + 1, 9 * mebi}) {
    void* const block = allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % (2 * mebi), 0);
    deallocate(block, bytes);
  }
}

TEST_F(MemoryPool, KeepsEightMegabytesOfASizeForAThreadAndTheRestForAll) {
  EXPECT_EQ(asked_of_the_system(512 * kibi, 20), 20);
  std::uint64_t elsewhere = 0;
  std::thread([&] { elsewhere = asked_of_the_system(512 * kibi, 5); }).join();
  EXPECT_EQ(elsewhere, 1) << "four were left over by the first thread";
  EXPECT_EQ(asked_of_the_system(512 * kibi, 21), 0) << "five were left behind by the second";
}

TEST_F(MemoryPool, SharesBlocksOfAMegabyteAmongThreads) {
  EXPECT_EQ(asked_of_the_system(mebi, 3), 3);
  std::uint64_t elsewhere = 0;
  std::thread([&] { elsewhere = asked_of_the_system(mebi, 3); }).join();
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(MemoryPool, KeepsAGigabyteInAllAtMost) {
  EXPECT_EQ(asked_of_the_system(256 * mebi, 5), 5);  // of these, next to nothing is touched
  EXPECT_EQ(asked_of_the_system(256 * mebi, 5), 1);
}

TEST_F(MemoryPool, HandsOverWhatAThreadKeptWhenItEnds) {
  std::thread([] { EXPECT_EQ(asked_of_the_system(kibi, 3), 3); }).join();
  EXPECT_EQ(asked_of_the_system(kibi, 3), 0);
}

TEST_F(MemoryPool, TakesBlocksThatAnotherThreadGivesBack) {
  const std::vector<void*> blocks = blocks_of(kibi, 3);
  std::thread([&] { give_back(blocks, kibi); }).join();
  EXPECT_EQ(asked_of_the_system(kibi, 3), 0);
}

TEST_F(MemoryPool, ReturnsToTheSystemAllThatItKeepsWhenAsked) {
  for (const std::size_t bytes : {std::size_t{64}, kibi, 3 * mebi}) {
    EXPECT_EQ(asked_of_the_system(bytes), 1);
    EXPECT_EQ(asked_of_the_system(bytes), 0);
    release_cached_memory();
    EXPECT_EQ(asked_of_the_system(bytes), 1);
  }
}

#endif

}  // namespace
}  // namespace wengert::kernels
