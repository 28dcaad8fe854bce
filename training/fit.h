#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <wengert/datasets/dataset.h>
#include <wengert/nn/losses.h>
#include <wengert/nn/metrics.h>
#include <wengert/nn/module.h>
#include <wengert/optim/optimizer.h>
#include <wengert/training/callback.h>
#include <wengert/training/history.h>
#include <wengert/training/progress.h>

/// training: fit, evaluate, predict in the manner of Keras, the history of a training, and files that keep parameters.
/// The loops themselves are short: whoever needs another writes it, from a Tape, `datasets::batches` and an optimiser.

namespace wengert::training {

struct FitOptions {
  /// The number of the last epoch, counted from 1.
  std::int64_t epochs = 1;
  /// How many epochs an earlier training has done: `epochs` counts them too, and their numbers and the order of the
  /// samples go on from there; the history has the new ones. `fit` to 2 and then from 2 to 4 gives the bits of `fit`
  /// to 4.
  std::int64_t initial_epoch = 0;
  std::int64_t batch_size = 32;
  /// Evaluated after every epoch, where given. Where its samples or labels are of another shape or dtype than those of
  /// the training, its first batch is evaluated before the first step, so that what does not fit is known then.
  datasets::Dataset validation = {};
  /// Their names become columns of the history, and so must differ, also from "epoch", "loss", "steps", "seconds" and,
  /// with "val_" before it, from one another.
  std::vector<nn::Metric> metrics = {};
  /// Another order of the samples in every epoch, determined by the seed.
  bool shuffle = true;
  std::uint64_t seed = 0;
  /// The training ends after that many steps of its own, in whichever epoch; 0: no limit.
  std::int64_t max_steps = 0;
  std::vector<Callback> callbacks = {};
  /// Record a step once and replay it from then on (see compile.h): what the model and the loss take from the host,
  /// such as a captured number that a callback changes, stays what it was in the first step, unless it is a Slot or a
  /// HostFlag. To be switched off for models and losses that read values or change otherwise.
  bool compile = true;
  /// With `compile`: record every step anew, and throw ValueError naming the first record that differs from the first
  /// step's; slow, for finding what `compile` would freeze.
  bool verify = false;
  Progress progress = Progress::automatic;
  /// What is trained: put first in what is shown.
  std::string label = {};
  /// Where progress is shown; std::cout where null.
  std::ostream* output = nullptr;
};

/// Trains a model: for each batch the loss of the model's result, its gradients, and one step of the optimiser.
/// Losses and metrics are means over the samples of an epoch of what the model gave before each update, as in Keras;
/// inputs come in the model's `input_dtype`: that of its parameters, which is also the one that is trained in, unless
/// it takes integers.
///
/// Its steps take subnormal numbers for zero (SubnormalsAsZero), as TensorFlow's do.
///
/// What is trained is what the optimiser holds. Parameters that the model lists and the optimiser does not hold are
/// left as they are: to freeze them, or, by mistake, those of a layer that was added after the optimiser was made.
///
/// Ctrl-C ends the training after the step in hand, as does a loss that is NaN or infinite (before its update) or a
/// callback; an epoch in which a parameter becomes NaN or infinite is the last. The model keeps what it learned and the
/// history says why. Trainings of different models may run on several threads, and give the same bits there; a model
/// that is trained must not be used by another thread meanwhile, not even by `predict`, as it has one mode.
/// Throws ValueError for options out of range, for data without samples or labels, for metrics of one name, and for a
/// parameter that the model uses and the loss depends on, but that neither is listed nor held by the optimiser; and
/// what the model, the loss, the metrics and the callbacks throw.
History fit(nn::Module& model, optim::Optimizer& optimizer, const nn::Loss& loss, const datasets::Dataset& data,
            const FitOptions& options = {});

}  // namespace wengert::training
