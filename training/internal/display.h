#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <wengert/training/callback.h>
#include <wengert/training/progress.h>

namespace wengert::training {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// As much of the beginning of a text as `width` bytes hold, in whole characters.
std::string cut(const std::string& text, std::size_t width);

/// Shows a training while it runs. A live line that was begun is ended in any case.
class Display {
 public:
  struct Plan {
    std::string label;
    std::int64_t epochs, steps_per_epoch, total_steps;
    std::vector<std::string> metrics;
  };

  /// `output` is std::cout where null.
  Display(Progress progress, std::ostream* output, Plan plan);
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  void begin_epoch() { epoch_began_ = Clock::now(); }
  /// Draws the live line, unless it was just drawn.
  void step(const StepReport& report, std::int64_t samples);
  void end_epoch(const EpochRecord& record, std::int64_t samples);
  /// A line of its own.
  void note(const std::string& text);

 private:
  bool live() const { return progress_ == Progress::live || progress_ == Progress::one_line; }
  void draw(const std::string& line);
  void end_line();
  ProgressState state(std::int64_t epoch, const Scores& scores) const;

  Progress progress_;
  std::ostream& output_;
  Plan plan_;
  Clock::time_point began_ = Clock::now(), epoch_began_ = began_, drawn_{};
  bool line_open_ = false;
};

}  // namespace wengert::training
