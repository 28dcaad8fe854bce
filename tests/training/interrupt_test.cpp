#include <csignal>

#include <gtest/gtest.h>

#include <wengert/training/interrupt.h>

namespace wengert::training {
namespace {

using Handler = void (*)(int);

Handler handler_now() {
  struct sigaction action {};
  sigaction(SIGINT, nullptr, &action);
  return action.sa_handler;
}

void mine(int) {}

TEST(Interrupt, NotesTheFirstCtrlC) {
  const Interrupt interrupt;
  EXPECT_FALSE(Interrupt::requested());
  std::raise(SIGINT);
  EXPECT_TRUE(Interrupt::requested());
}

TEST(Interrupt, LetsTheSecondCtrlCEndTheProcess) {
  const auto twice = [] {
    const Interrupt interrupt;
    std::raise(SIGINT);
    std::raise(SIGINT);
  };
  EXPECT_EXIT(twice(), testing::KilledBySignal(SIGINT), "");
}

TEST(Interrupt, PutsBackWhatWasThereWhenTheLastOneGoes) {
  const Handler before = std::signal(SIGINT, mine);
  {
    const Interrupt outer;
    {
      const Interrupt inner;
      EXPECT_NE(handler_now(), mine);
    }
    EXPECT_NE(handler_now(), mine);
    std::raise(SIGINT);
    const Interrupt another;
    EXPECT_TRUE(Interrupt::requested());  // noted for all of them
  }
  EXPECT_EQ(handler_now(), mine);
  std::signal(SIGINT, before);
}

TEST(Interrupt, LeavesCtrlCIgnoredWhereTheProcessIgnoresIt) {
  const Handler before = std::signal(SIGINT, SIG_IGN);
  {
    const Interrupt interrupt;
    std::raise(SIGINT);
    EXPECT_FALSE(Interrupt::requested());
  }
  EXPECT_EQ(handler_now(), SIG_IGN);
  std::signal(SIGINT, before);
}

TEST(Interrupt, IsForgottenByTheNextOne) {
  {
    const Interrupt interrupt;
    std::raise(SIGINT);
  }
  EXPECT_TRUE(Interrupt::requested());
  const Interrupt interrupt;
  EXPECT_FALSE(Interrupt::requested());
}

}  // namespace
}  // namespace wengert::training
