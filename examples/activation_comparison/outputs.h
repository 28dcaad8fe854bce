#pragma once

#include <string>
#include <vector>

#include "options.h"
#include "train.h"

/// What a run leaves behind, as text.

namespace comparison {

/// activation,epoch,loss,accuracy,val_loss,val_accuracy,seconds: a row for every epoch of every model.
std::string history_csv(const std::vector<Result>& results);

/// {"version", "machine", "settings", "seeds", "notes", "models": [{"activation", "loss", …, "history"}]}
std::string summary_json(const Options& options, const std::vector<Result>& results);

/// {"loss": {activation: [the loss of each step]}}, with digits enough to read every double back.
std::string steps_json(const std::vector<Result>& results);

/// The table at the end: loss of each epoch, accuracy, results on the test images, seconds.
std::string table(const std::vector<Result>& results);

/// One line on the two usual slopes, and which were taken; empty where no leaky_relu was trained.
std::string slope_note(const Options& options);

}  // namespace comparison
