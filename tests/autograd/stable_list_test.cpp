#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/internal/stable_list.h>

namespace wengert {
namespace {

using Handles = detail::StableList<std::shared_ptr<int>>;

TEST(StableList, KeepsElementsWhereTheyAreWhileItGrows) {
  Handles list;
  std::vector<const std::shared_ptr<int>*> places;
  for (int i = 0; i < 2000; ++i) places.push_back(&list.emplace_back(std::make_shared<int>(i)));
  ASSERT_EQ(list.size(), places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(&list[i], places[i]);
    EXPECT_EQ(*list[i], static_cast<int>(i));
  }
}

TEST(StableList, GivesUpItsElementsWhenItIsClearedAndCanBeFilledAgain) {
  const auto value = std::make_shared<int>(7);
  Handles list;
  for (const int count : {256, 700, 3}) {
    for (int i = 0; i < count; ++i) list.emplace_back(value);
    EXPECT_EQ(value.use_count(), count + 1);
    EXPECT_EQ(list[list.size() - 1], value);
    list.clear();
    EXPECT_EQ(value.use_count(), 1);
    EXPECT_EQ(list.size(), 0U);
  }
}

}  // namespace
}  // namespace wengert
