#include "train.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>

#include <fmt/format.h>

#include <wengert/autograd/threads.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/adam.h>
#include <wengert/training/training.h>

namespace comparison {

namespace nn = wengert::nn;
namespace training = wengert::training;

namespace {

constexpr std::int64_t pixels = 28 * 28, classes = 10;

nn::Sequential make_model(const Options& options, const std::string& activation) {
  nn::Sequential model;
  model.add("flatten", nn::Flatten{});
  std::int64_t inputs = pixels;
  for (std::size_t layer = 0; layer < options.hidden.size(); ++layer) {
    const std::string name = layer == 0 ? "hidden" : fmt::format("hidden_{}", layer);
    model.add(name, nn::Dense{inputs, options.hidden[layer], nn::activation(activation), {.dtype = options.precision}});
    inputs = options.hidden[layer];
  }
  model.add("output", nn::Dense{inputs, classes, nn::softmax, {.dtype = options.precision}});

  model.initialize(options.seed);
  if (!options.initial_weights.empty()) training::load_weights(model, options.initial_weights);
  return model;
}

/// A job's share of the threads. Those of jobs that have ended go to the ones that are left, from their next step on.
class Share {
 public:
  Share(std::int64_t threads, std::atomic<std::int64_t>& jobs)
      : threads_(threads), jobs_(jobs), limit_(std::in_place, own()) {}
  ~Share() { --jobs_; }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  void renew() {
    if (own() != wengert::threads()) limit_.emplace(own());
  }

 private:
  int own() const { return static_cast<int>(threads_ / jobs_); }

  std::int64_t threads_;
  std::atomic<std::int64_t>& jobs_;  // that have not ended
  std::optional<wengert::ThreadLimit> limit_;
};

constexpr const char* other_failed = "another training failed";

Result train_one(const Options& options, Candidate& candidate, const wengert::datasets::TrainAndTest& data,
                 Share& share, const std::atomic<bool>& failed, Screen& screen) {
  Result result{.activation = candidate.activation};
  std::vector<training::Callback> callbacks{{.on_step_end = [&](const training::StepReport& report) {
    share.renew();
    if (failed) report.stop(other_failed);
  }}};
  if (!options.record_steps.empty()) {
    callbacks.push_back(
        {.on_step_end = [&](const training::StepReport& report) { result.step_losses.push_back(report.loss); }});
  }
  Screen::Line line(screen);
  wengert::optim::Adam adam{candidate.model.parameters(), {.learning_rate = options.learning_rate}};
  result.history = training::fit(candidate.model, adam, nn::sparse_categorical_crossentropy, data.train,
                                 {.epochs = options.epochs,
                                  .batch_size = options.batch_size,
                                  .validation = data.test,
                                  .metrics = {nn::accuracy},
                                  .shuffle = options.shuffle,
                                  .seed = options.seed,
                                  .max_steps = options.max_steps,
                                  .callbacks = callbacks,
                                  .compile = options.compile,
                                  .progress = screen.progress(),
                                  .label = candidate.activation,
                                  .output = &line});
  return result;
}

}  // namespace

std::vector<Candidate> make_candidates(const Options& options) {
  std::vector<Candidate> candidates;
  for (const std::string& activation : options.activations) {
    candidates.push_back({activation, make_model(options, activation)});
  }
  return candidates;
}

Outcome train(const Options& options, std::vector<Candidate> candidates, const wengert::datasets::TrainAndTest& data,
              Screen& screen) {
  Outcome outcome{std::vector<Result>(candidates.size())};
  const auto most = static_cast<std::int64_t>(candidates.size());
  const std::int64_t count = std::min({most, options.jobs, options.threads});
  std::atomic<std::int64_t> jobs{count};
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    Share share(options.threads, jobs);
    try {
      for (std::size_t i = next++; i < candidates.size() && !failed; i = next++) {
        outcome.results[i] = train_one(options, candidates[i], data, share, failed, screen);
      }
    } catch (...) {
      if (!failed.exchange(true)) outcome.failure = std::current_exception();
    }
  };
  std::vector<std::future<void>> workers;
  for (std::int64_t i = 0; i < count; ++i) workers.push_back(std::async(std::launch::async, work));
  for (std::future<void>& worker : workers) worker.get();
  if (outcome.failure) {
    std::erase_if(outcome.results, [](const Result& each) {
      return each.history.epochs.empty() || each.history.stopped_reason.ends_with(other_failed);
    });
  }
  return outcome;
}

}  // namespace comparison
