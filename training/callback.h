#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <wengert/training/history.h>

namespace wengert::training {

/// Lets a callback end the training: after the step in hand, and with a reason that goes into the history.
class StopRequest {
 public:
  void operator()(std::string reason) { reason_ = std::move(reason); }
  /// Nothing before it was called.
  const std::optional<std::string>& reason() const { return reason_; }

 private:
  std::optional<std::string> reason_;
};

/// What is known after a step.
struct StepReport {
  /// Counted from 1: the epoch, the step in it, and the steps since the training began.
  std::int64_t epoch, step, total_steps;
  /// Steps of a whole epoch.
  std::int64_t steps_per_epoch;
  /// Mean loss of this batch, before the update.
  double loss;
  /// Means over the epoch so far.
  const Scores& so_far;
  StopRequest& stop;
};

/// Functions to be called while a model is trained, each of which may be left out:
///
///     std::vector<double> losses;
///     fit(…, {.callbacks = {{.on_step_end = [&](const StepReport& report) { losses.push_back(report.loss); }}}});
struct Callback {
  /// Before the first step of an epoch, counted from 1.
  std::function<void(std::int64_t epoch)> on_epoch_begin = {};
  /// After every update.
  std::function<void(const StepReport&)> on_step_end = {};
  /// After every epoch, validation included; also after one that was broken off.
  std::function<void(const EpochRecord&, StopRequest& stop)> on_epoch_end = {};
};

}  // namespace wengert::training
