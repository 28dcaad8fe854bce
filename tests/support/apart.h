#pragma once

#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>

namespace wengert::test {

/// Runs a part of a test in a process of its own: operations that it registers are in nobody else's catalogue.
inline void apart(const std::function<void()>& part) {
  const auto run = [&] {
    part();
    std::exit(testing::Test::HasFailure() ? EXIT_FAILURE : EXIT_SUCCESS);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(EXIT_SUCCESS), "");
}

}  // namespace wengert::test
