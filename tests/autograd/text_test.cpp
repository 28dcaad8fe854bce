#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/text.h>

namespace wengert::detail {
namespace {

TEST(Texts, AreJoinedWithTheSeparatorBetweenThem) {
  EXPECT_EQ(joined({}, ", "), "");
  EXPECT_EQ(joined(std::vector<std::string>{"relu"}, ", "), "relu");
  EXPECT_EQ(joined(std::vector<std::string>{"relu", "", "gelu"}, ", "), "relu, , gelu");
}

}  // namespace
}  // namespace wengert::detail
