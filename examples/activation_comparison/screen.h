#pragma once

#include <cstddef>
#include <mutex>
#include <ostream>
#include <sstream>
#include <string>

#include <wengert/training/progress.h>

namespace comparison {

/// Where the trainings show themselves, several at once. On a terminal each has a line of its own that is drawn over
/// and over; elsewhere lines follow one another, whole.
class Screen {
 public:
  /// `most_lines`: of trainings that will be shown.
  Screen(bool quiet, std::size_t most_lines);

  wengert::training::Progress progress() const { return progress_; }
  /// A text of whole lines, outside of the trainings. Nothing when quiet.
  void print(const std::string& text);

  class Line;

 private:
  std::size_t open_line();
  void show(std::size_t line, std::string text);

  wengert::training::Progress progress_;
  std::mutex mutex_;
  std::size_t lines_ = 0;
};

/// The line of one training, as a stream for `fit` to write to.
class Screen::Line : private std::stringbuf, public std::ostream {
 public:
  explicit Line(Screen& screen) : std::ostream(this), screen_(screen), line_(screen.open_line()) {}

 private:
  int sync() override;

  Screen& screen_;
  std::size_t line_;
};

}  // namespace comparison
