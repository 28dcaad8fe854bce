#include <algorithm>
#include <cstddef>
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

}  // namespace
}  // namespace wengert::kernels
