#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include <wengert/training/progress.h>

namespace wengert::training {
namespace {

const ProgressState half_way{.label = "relu",
                             .epoch = 2,
                             .epochs = 5,
                             .step = 625,
                             .steps = 1250,
                             .total_step = 3125,
                             .total_steps = 6250,
                             .samples_per_second = 31234.4,
                             .seconds_left = 64.2,
                             .values = {{"loss", 0.34567}, {"accuracy", 0.9}}};

TEST(LiveLine, ShowsBarStepValuesSpeedAndTimeLeft) {
  EXPECT_EQ(live_line(half_way, 200),
            "relu  epoch 2/5  [==============>.............]  625/1250  loss 0.3457  accuracy 0.9000  31234 samples/s  "
            "1:05 left");
}

TEST(LiveLine, FitsItsWidthAndGivesUpTheBarFirst) {
  for (std::size_t width = 0; width < 150; ++width) EXPECT_LE(live_line(half_way, width).size(), width);
  EXPECT_EQ(live_line(half_way, 90),
            "relu  epoch 2/5  625/1250  loss 0.3457  accuracy 0.9000  31234 samples/s  1:05 left");
  EXPECT_EQ(live_line(half_way, 10), "relu  epoc");
}

TEST(LiveLine, IsNotCutWithinACharacter) {
  ProgressState state = half_way;
  state.label = "λλλλ";  // two bytes each
  EXPECT_EQ(live_line(state, 4), "λλ");
  EXPECT_EQ(live_line(state, 5), "λλ");
}

TEST(LiveLine, FillsItsBarFromBeginningToEnd) {
  ProgressState state;
  state.steps = state.total_steps = 100;
  std::size_t before = 0;
  for (state.total_step = 0; state.total_step <= 100; ++state.total_step) {
    const std::string line = live_line(state, 120);
    const auto full = static_cast<std::size_t>(std::count(line.begin(), line.end(), '='));
    EXPECT_GE(full, before);
    EXPECT_NE(line.find(']'), std::string::npos);
    before = full;
  }
  EXPECT_EQ(before, 28U);
}

TEST(LiveLine, WritesLongTimesAndSmallNumbersReadably) {
  ProgressState state = half_way;
  state.seconds_left = 3 * 3600 + 7 * 60 + 4.5;
  state.values = {{"loss", 1.25e-7}, {"zero", 0.0}, {"minus", -12.0}};
  const std::string line = live_line(state, 200);
  EXPECT_NE(line.find("3:07:05 left"), std::string::npos) << line;
  EXPECT_NE(line.find("loss 1.250e-07  zero 0.0000  minus -12.0000"), std::string::npos) << line;
  state.seconds_left = std::numeric_limits<double>::infinity();
  EXPECT_NE(live_line(state, 200).find("? left"), std::string::npos);
}

TEST(EpochLine, SaysCalmlyWhatAnEpochGave) {
  EXPECT_EQ(epoch_line(half_way, 1.92), "relu, epoch 2/5: loss 0.3457, accuracy 0.9000, 1.9 s, 31234 samples/s");
  ProgressState unnamed = half_way;
  unnamed.label.clear();
  EXPECT_EQ(epoch_line(unnamed, 1.92).substr(0, 11), "epoch 2/5: ");
}

}  // namespace
}  // namespace wengert::training
