#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace wengert::training {

/// How a training shows where it stands.
enum class Progress {
  automatic,  ///< `live` where standard output is a terminal, `lines` elsewhere
  live,       ///< a line that is drawn over and over, and stays when its epoch is done
  one_line,   ///< the same, but one line for all epochs
  lines,      ///< a line after every epoch
  silent,
};

/// Where a training stands.
struct ProgressState {
  /// Put first: what is trained.
  std::string label = {};
  /// Counted from 1.
  std::int64_t epoch = 1, epochs = 1;
  /// Of this epoch.
  std::int64_t step = 0, steps = 1;
  /// Of the whole training: what the bar and the time left speak of.
  std::int64_t total_step = 0, total_steps = 1;
  double samples_per_second = 0;
  double seconds_left = 0;
  /// Losses and metrics, as they are to be called.
  std::vector<std::pair<std::string, double>> values = {};
};

/// The live line: label, epoch, bar, step, values, samples per second and time left, in at most `width` characters
/// (the bar is the first to go).
std::string live_line(const ProgressState& state, std::size_t width);

/// What is said of an epoch that is done: label, epoch, values, seconds and samples per second.
std::string epoch_line(const ProgressState& state, double seconds);

}  // namespace wengert::training
