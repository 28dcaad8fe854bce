#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/subnormals.h>
#include <wengert/autograd/tape.h>
#include <wengert/datasets/batches.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/fit.h>
#include <wengert/training/internal/checked_loss.h>
#include <wengert/training/internal/display.h>
#include <wengert/training/internal/loop.h>
#include <wengert/training/interrupt.h>

namespace wengert::training {

namespace {

/// Also where labels are given alone, which is a mistake.
bool is_validated(const FitOptions& options) {
  return options.validation.images.defined() || options.validation.labels.defined();
}

const FitOptions& checked(const FitOptions& options, const nn::Loss& loss, const datasets::Dataset& data) {
  require(options.epochs >= 1, "fit", "epochs", options.epochs, "1 or more");
  require(options.initial_epoch >= 0 && options.initial_epoch <= options.epochs, "fit", "initial_epoch",
          options.initial_epoch, fmt::format("0 to {}, the number of epochs", options.epochs).c_str());
  require(options.batch_size >= 1, "fit", "batch_size", options.batch_size, "1 or more");
  require(options.max_steps >= 0, "fit", "max_steps", options.max_steps, "0 (no limit) or more");
  require_labels("fit", data);
  require_functions("fit", loss, options.metrics);
  require_columns("fit", options.metrics);
  if (is_validated(options)) require_labels("fit: validation", options.validation);
  return options;
}

/// Of a parameter that holds NaN or infinity the name, in quotation marks; empty where there is none.
std::string not_finite(const optim::Optimizer& optimizer) {
  for (const Parameter& parameter : optimizer.parameters()) {
    // 0 times what is not finite is NaN.
    if (std::isnan(sum(parameter * 0.0).item<double>())) return fmt::format("'{}'", parameter.name());
  }
  return {};
}

bool are_alike(const datasets::Dataset& a, const datasets::Dataset& b) {
  const auto sample = [](const Tensor& all) {
    return std::pair(all.dtype(), Shape(std::span(all.shape().begin() + 1, all.shape().end())));
  };
  return sample(a.images) == sample(b.images) && sample(a.labels) == sample(b.labels);
}

bool holds(const std::vector<Parameter>& parameters, const Parameter& one) {
  return std::find(parameters.begin(), parameters.end(), one) != parameters.end();
}

/// Throws ValueError for a parameter of `used` that the loss depends on and that nobody knows of: it would stay as it
/// is.
void require_known(const std::vector<Parameter>& used, const Gradients& gradients, nn::Module& model,
                   const optim::Optimizer& optimizer) {
  const std::vector<Parameter> listed = model.parameters(), held = optimizer.parameters();
  for (const Parameter& parameter : used) {
    if (!gradients.matters(parameter) || holds(listed, parameter) || holds(held, parameter)) continue;
    throw ValueError(fmt::format(
        "fit: parameter '{}' {} takes part in the loss, but neither does the model list it (visit), nor "
        "does the optimizer hold it; list it (what the optimizer does not hold stays as it is), or use it behind "
        "stop_gradient",
        parameter.name(), to_string(parameter.shape())));
  }
}

/// One training: what `fit` keeps between its steps.
class Training {
 public:
  Training(nn::Module& model, optim::Optimizer& optimizer, const nn::Loss& loss, const datasets::Dataset& data,
           const FitOptions& options)
      : model_(model),
        optimizer_(optimizer),
        loss_(loss),
        data_(data),
        options_(checked(options, loss, data)),
        display_(options.progress, options.output, plan()),
        dtype_(model.input_dtype()),
        compiled_(Step{this}, {.verify = options.verify}),
        was_finite_(not_finite(optimizer).empty()) {
    history_.metrics = plan().metrics;
    history_.validated = is_validated(options);
  }

  History run() {
    const Interrupt interrupt;
    const Mode mode(model_, true);
    if (history_.validated) try_validation();
    if (Interrupt::requested()) {  // by another thread's training
      history_.interrupted = true;
      history_.stopped_reason = "interrupted before the first step";
    }
    for (std::int64_t epoch = options_.initial_epoch; epoch < options_.epochs && !ended();) run_epoch(++epoch);
    if (!history_.stopped_reason.empty()) display_.note(history_.stopped_reason);
    return std::move(history_);
  }

 private:
  struct Step {
    Training* training;
    std::pair<Tensor, Tensor> operator()(const Tensor& inputs, const Tensor& labels) const {
      return training->update(inputs, labels);
    }
  };

  /// What does not fit is to be known before the first step, not after an epoch. What is like the data of the training
  /// needs no trial, which would run the model and the metrics once more.
  void try_validation() {
    const EvaluateOptions options{.metrics = options_.metrics, .compile = false};
    const datasets::Batches batches =
        datasets::batches(options_.validation, {.size = options.batch_size, .dtype = dtype_});
    if (are_alike(options_.validation, data_)) return;
    const auto [images, labels] = batches[0];
    evaluate(model_, loss_, {images, labels}, options);
  }

  std::int64_t steps_per_epoch() const { return (data_.size() - 1) / options_.batch_size + 1; }

  Display::Plan plan() const {
    const double all =
        static_cast<double>(steps_per_epoch()) * static_cast<double>(options_.epochs - options_.initial_epoch);
    const bool limited = options_.max_steps > 0 && static_cast<double>(options_.max_steps) < all;
    constexpr double most = 1e18;  // which nobody is going to see
    Display::Plan plan{options_.label,
                       options_.epochs,
                       steps_per_epoch(),
                       limited ? options_.max_steps : static_cast<std::int64_t>(std::min(all, most)),
                       {}};
    for (const nn::Metric& metric : options_.metrics) plan.metrics.push_back(metric.name);
    return plan;
  }

  void run_epoch(std::int64_t epoch) {
    for (const Callback& callback : options_.callbacks) {
      if (callback.on_epoch_begin) callback.on_epoch_begin(epoch);
    }
    EpochRecord record{.epoch = epoch};
    RunningMeans means(options_.metrics);
    display_.begin_epoch();
    const Clock::time_point began = Clock::now();
    for (const datasets::Batch& batch : datasets::batches(data_, {.size = options_.batch_size,
                                                                 .shuffle = options_.shuffle,
                                                                 .seed = options_.seed,
                                                                 .epoch = epoch - 1,
                                                                 .dtype = dtype_})) {
      ++record.steps;
      ++total_steps_;
      const double loss = step(batch, means);
      if (!history_.diverged)
        report({epoch, record.steps, total_steps_, steps_per_epoch(), loss, means.means(), stop_}, means);
      note_end(epoch, loss);
      if (ended()) break;
    }
    record.seconds = seconds_since(began);
    record.train = means.means();
    end_epoch(std::move(record), means.samples());
  }

  /// The mean loss of the batch before the update, which is left out where the loss is no finite number.
  double step(const datasets::Batch& batch, RunningMeans& means) {
    const SubnormalsAsZero faster;
    try {
      const auto [loss, predictions] =
          options_.compile ? compiled_(batch.images, batch.labels) : update(batch.images, batch.labels);
      const auto value = loss.item<double>();
      means.add(value, predictions, batch.labels);
      return value;
    } catch (const LossNotFinite& stop) {
      history_.diverged = true;
      means.add_no_number(stop.loss);
      return stop.loss;
    }
  }

  /// The loss and the predictions of a batch, by whose gradients the parameters are updated.
  std::pair<Tensor, Tensor> update(const Tensor& inputs, const Tensor& labels) {
    Tape tape;
    const Tensor predictions = model_(inputs);
    // Of a recorded step, this runs while it is recorded.
    const bool checks = options_.compile || total_steps_ == 1;
    const std::vector<Parameter> used = checks ? tape.parameters() : std::vector<Parameter>();
    const Tensor loss = loss_(predictions, labels);
    const Tensor finite = checked_loss(loss);
    const Gradients gradients = tape.gradient(loss);
    if (checks) require_known(used, gradients, model_, optimizer_);
    optimizer_.step(gradients);
    return {finite, predictions};
  }

  void report(const StepReport& report, const RunningMeans& means) {
    for (const Callback& callback : options_.callbacks) {
      if (callback.on_step_end) callback.on_step_end(report);
    }
    display_.step(report, means.samples());
  }

  /// Whether this step was the last, and why.
  void note_end(std::int64_t epoch, double loss) {
    std::string& reason = history_.stopped_reason;
    if (history_.diverged) {
      reason = fmt::format("stopped: the loss is {} at step {} (epoch {}){}", loss, total_steps_, epoch,
                           total_steps_ == 1 && options_.initial_epoch == 0
                               ? ", before any update; look at the data and the initial weights"
                               : "; try a smaller learning rate");
    } else if (Interrupt::requested()) {
      history_.interrupted = true;
      reason = fmt::format("interrupted after step {} (epoch {})", total_steps_, epoch);
    } else if (const auto& given = stop_.reason()) {
      reason =
          fmt::format("stopped after step {} (epoch {}){}{}", total_steps_, epoch, given->empty() ? "" : ": ", *given);
    }
  }

  /// A gradient may be infinite where the loss is not. Whatever else ended the training, this matters more.
  void note_parameters(std::int64_t epoch) {
    const std::string name = not_finite(optimizer_);
    if (name.empty()) return;
    history_.diverged = true;
    history_.stopped_reason = fmt::format(
        "stopped: parameter {} is no finite number after step {} (epoch {}), though the losses were; a gradient was "
        "none, as that of sqrt at 0",
        name, total_steps_, epoch);
  }

  bool ended() const {
    return !history_.stopped_reason.empty() || (options_.max_steps > 0 && total_steps_ >= options_.max_steps);
  }

  void end_epoch(EpochRecord record, std::int64_t samples) {
    if (was_finite_ && !history_.diverged) note_parameters(record.epoch);
    if (history_.validated && history_.stopped_reason.empty()) {
      record.validation =
          evaluate(model_, loss_, options_.validation, {.metrics = options_.metrics, .compile = options_.compile});
    }
    display_.end_epoch(record, samples);
    history_.epochs.push_back(std::move(record));
    for (const Callback& callback : options_.callbacks) {
      if (callback.on_epoch_end) callback.on_epoch_end(history_.epochs.back(), stop_);
    }
    if (history_.stopped_reason.empty()) note_end(history_.epochs.back().epoch, 0);
  }

  nn::Module& model_;
  optim::Optimizer& optimizer_;
  const nn::Loss& loss_;
  const datasets::Dataset& data_;
  const FitOptions& options_;
  Display display_;
  DType dtype_;
  Compiled<Step> compiled_;
  bool was_finite_;  // every parameter that is trained, before the first step
  std::int64_t total_steps_ = 0;
  StopRequest stop_;
  History history_;
};

}  // namespace

History fit(nn::Module& model, optim::Optimizer& optimizer, const nn::Loss& loss, const datasets::Dataset& data,
            const FitOptions& options) {
  return Training(model, optimizer, loss, data, options).run();
}

}  // namespace wengert::training
