#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wengert::training {

/// Means over samples.
struct Scores {
  double loss = 0;
  /// In the order in which the metrics were given.
  std::vector<double> metrics = {};
};

struct EpochRecord {
  /// Counted from 1.
  std::int64_t epoch = 1;
  /// Running means over the samples of the epoch, each taken before the update it led to (as Keras does).
  Scores train = {};
  /// After the epoch; none where no validation data were given, or the epoch was broken off by anything but
  /// `max_steps`.
  std::optional<Scores> validation = {};
  /// Wall time from the shuffling to the last update: making of batches included, validation not.
  double seconds = 0;
  /// Steps of this epoch; fewer than others have where it was broken off.
  std::int64_t steps = 0;
};

/// What a training went through. All that reads `epochs` throws ValueError where one has more or fewer metrics than
/// there are names.
struct History {
  /// Names of the metrics, in the order of `Scores::metrics`.
  std::vector<std::string> metrics = {};
  /// Whether validation data were given: there are columns for them then, also where no epoch came that far.
  bool validated = false;
  /// The last one may have been broken off: by `max_steps`, an interruption, or a loss that was no number.
  std::vector<EpochRecord> epochs = {};
  /// Ended by Ctrl-C.
  bool interrupted = false;
  /// Ended because the loss was NaN or infinite: the parameters are those from before that step; or because a parameter
  /// became NaN or infinite in an epoch whose losses were not. The loss of validation data ends nothing.
  bool diverged = false;
  /// One line on why the training ended before its time; empty where it did not.
  std::string stopped_reason = {};

  /// One number per epoch: "loss", "accuracy", "val_loss", "val_accuracy", "seconds" … NaN where an epoch has none.
  /// Throws ValueError for a name that is no column.
  std::vector<double> operator[](std::string_view column) const;
  /// epoch, loss, the metrics, then the same with "val_" where there was validation data, seconds.
  std::vector<std::string> columns() const;

  /// "epoch,loss,…,seconds\n", digits enough to read every double back; an empty field where an epoch has no number.
  std::string to_csv() const;
  /// The parts of it, to put several histories into one table: a first field can be put before each line.
  std::string csv_header() const;
  std::string csv_rows(std::string_view first_field = {}) const;
  /// {"epochs": [{"epoch": 1, "steps": …, "loss": …}, …], "interrupted": false, "diverged": false, "stopped_reason":
  /// ""}; null where there is no finite number, and U+FFFD for each byte of a name or reason that is not UTF-8.
  std::string to_json() const;

  /// Written whole or not at all. Throw FileError.
  void write_csv(const std::string& path) const;
  void write_json(const std::string& path) const;
};

}  // namespace wengert::training
