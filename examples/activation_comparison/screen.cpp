#include "screen.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace comparison {

using wengert::training::Progress;

namespace {

/// What is above the upper edge cannot be drawn over: there must be room for all lines at once.
Progress suitable(bool quiet, std::size_t lines) {
  if (quiet) return Progress::silent;
  winsize size{};
  const bool terminal = isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return terminal && lines < size.ws_row ? Progress::one_line : Progress::lines;
}

}  // namespace

Screen::Screen(bool quiet, std::size_t most_lines) : progress_(suitable(quiet, most_lines)) {}

void Screen::print(const std::string& text) {
  if (progress_ == Progress::silent) return;
  const std::lock_guard lock(mutex_);
  std::cout << text << std::flush;
}

/// The cursor always rests below the last of the lines.
std::size_t Screen::open_line() {
  const std::lock_guard lock(mutex_);
  if (progress_ == Progress::one_line) std::cout << '\n' << std::flush;
  return lines_++;
}

void Screen::show(std::size_t line, std::string text) {
  const std::lock_guard lock(mutex_);
  if (progress_ == Progress::one_line) {
    text.erase(std::remove(text.begin(), text.end(), '\n'), text.end());
    if (text.empty()) return;
    const std::size_t up = lines_ - line;
    text = fmt::format("\x1b[{}A\r{}\x1b[K\x1b[{}B\r", up, text, up);
  }
  std::cout << text << std::flush;
}

int Screen::Line::sync() {
  screen_.show(line_, str());
  str({});
  return 0;
}

}  // namespace comparison
