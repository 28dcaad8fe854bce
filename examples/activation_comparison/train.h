#pragma once

#include <exception>
#include <string>
#include <vector>

#include "options.h"
#include "screen.h"

#include <wengert/datasets/mnist.h>
#include <wengert/nn/sequential.h>
#include <wengert/training/history.h>

namespace comparison {

/// One of the models that are compared.
struct Candidate {
  std::string activation;
  wengert::nn::Sequential model;
};

/// The models that are compared, one for each activation: Flatten, Dense(hidden, activation), Dense(10, softmax); with
/// the initial weights that were asked for. Throws FileError for weights that cannot be read or do not fit.
std::vector<Candidate> make_candidates(const Options& options);

/// What a training gave.
struct Result {
  std::string activation;
  wengert::training::History history = {};
  /// The mean loss of each batch, before its update; kept where steps are to be recorded.
  std::vector<double> step_losses = {};
};

/// The results of those candidates that were trained, and what ended all trainings before their time.
struct Outcome {
  std::vector<Result> results;
  std::exception_ptr failure = {};
};

/// Trains the candidates, up to `options.jobs` of them side by side, each with its share of the threads, and gives the
/// results in their order. No model's figures depend on the others, on the number of jobs, or on the threads. Where one
/// fails, the others end after the step in hand.
Outcome train(const Options& options, std::vector<Candidate> candidates, const wengert::datasets::TrainAndTest& data,
              Screen& screen);

}  // namespace comparison
