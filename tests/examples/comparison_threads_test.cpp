#include "examples/comparison.h"

namespace wengert::test {
namespace {

TEST_F(Comparison, GivesTheSameBitsForAnyNumberOfJobsAndThreads) {
  const auto figures = [&](const std::string& jobs, const std::string& threads, const std::string& batch_size = "8") {
    const Finished finished = compare({"--jobs", jobs, "--threads", threads, "--record-steps", directory / "steps.json",
                                       "--epochs", "2", "--batch-size", batch_size});
    EXPECT_EQ(finished.status, 0) << finished.errors;
    return std::pair(read_file(directory / "steps.json"), without_seconds(result("history.csv")));
  };
  const auto alone = figures("1", "1");
  for (const char* jobs : {"1", "2", "3", "4"}) EXPECT_EQ(figures(jobs, "4"), alone) << jobs << " jobs";
  for (const char* threads : {"2", "3", "5", "6", "7"})
    EXPECT_EQ(figures("4", threads), alone) << threads << " threads";
  // Products so large that threads share them.
  const auto large_alone = figures("1", "1", "64");
  for (const char* threads : {"2", "3", "7"})
    EXPECT_EQ(figures("1", threads, "64"), large_alone) << threads << " threads";
  // The last model gets the threads of the others.
  EXPECT_EQ(figures("3", "3", "64"), large_alone);
}

TEST_F(Comparison, KeepsTheLinesOfSeveralThreadsWhole) {
  const Finished finished = compare({"--jobs", "4", "--threads", "4", "--epochs", "20"});
  std::size_t epochs = 0;
  for (const std::string& line : lines_of(finished.output)) {
    if (!contains(line, " epoch ")) continue;
    ++epochs;
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 6) << line;
    EXPECT_TRUE(line.ends_with(" samples/s")) << line;
  }
  EXPECT_EQ(epochs, 80U);
}

}  // namespace
}  // namespace wengert::test
