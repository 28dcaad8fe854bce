#include <cmath>
#include <csignal>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "support/count_allocations.h"
#include "support/message_of.h"
#include "training/toy.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/datasets/batches.h>
#include <wengert/optim/optim.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/fit.h>
#include <wengert/training/internal/checked_loss.h>

namespace wengert::training {
namespace {

using test::quiet;
using test::toy_data;
using test::toy_model;
using test::values_of;

const nn::Loss loss = nn::sparse_categorical_crossentropy;

struct Trained {
  nn::Sequential model;
  History history;
  std::vector<double> step_losses;
  std::int64_t updates = 0;
};

Trained train(FitOptions options, const datasets::Dataset& data, DType dtype = DType::f32) {
  Trained trained{toy_model(dtype), {}, {}, 0};
  optim::Adam adam{trained.model.parameters(), {.learning_rate = 0.02}};
  options.callbacks.insert(options.callbacks.begin(), {.on_step_end = [&](const StepReport& report) {
                             trained.step_losses.push_back(report.loss);
                           }});
  trained.history = fit(trained.model, adam, loss, data, options);
  trained.updates = adam.steps();
  return trained;
}

TEST(Fit, IsTheLoopThatOneWouldWrite) {
  const datasets::Dataset data = toy_data(23);
  FitOptions options = quiet(3, 5);
  options.seed = 9;
  const Trained trained = train(options, data);

  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters(), {.learning_rate = 0.02}};
  std::vector<double> losses;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    for (const auto& [images, labels] :
         datasets::batches(data, {.size = 5, .shuffle = true, .seed = 9, .epoch = epoch})) {
      Tape tape;
      const Tensor value = loss(model(images), labels);
      losses.push_back(value.item());
      adam.step(tape.gradient(value));
    }
  }
  EXPECT_EQ(trained.step_losses, losses);
  nn::Sequential fitted = trained.model;
  EXPECT_EQ(values_of(fitted), values_of(model));
}

TEST(Fit, GivesTheMeanOverTheSamplesOfAnEpochWithItsShortLastBatch) {
  FitOptions options = quiet(2, 3);
  options.metrics = {nn::accuracy};
  const Trained trained = train(options, toy_data(7));
  ASSERT_EQ(trained.history.epochs.size(), 2U);
  ASSERT_EQ(trained.step_losses.size(), 6U);
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    const EpochRecord& record = trained.history.epochs[epoch];
    const double* steps = &trained.step_losses[3 * epoch];
    EXPECT_DOUBLE_EQ(record.train.loss, (3 * steps[0] + 3 * steps[1] + steps[2]) / 7);
    EXPECT_EQ(record.epoch, static_cast<std::int64_t>(epoch) + 1);
    EXPECT_EQ(record.steps, 3);
    EXPECT_GT(record.seconds, 0);
    const double right = record.train.metrics.at(0) * 7;
    EXPECT_DOUBLE_EQ(right, std::round(right));
  }
}

TEST(Fit, LearnsWhatCanBeLearned) {
  FitOptions options = quiet(30, 16);
  options.metrics = {nn::accuracy};
  const History history = train(options, toy_data(300)).history;
  EXPECT_LT(history["loss"].back(), history["loss"].front() / 2);
  EXPECT_GT(history["accuracy"].back(), 0.85);
}

TEST(Fit, TrainsInTheDtypeOfTheModel) {
  const datasets::Dataset data = toy_data(20);
  Trained wide = train(quiet(2, 5), data, DType::f64);
  Trained narrow = train(quiet(2, 5), data);
  EXPECT_EQ(wide.model.parameters()[0].dtype(), DType::f64);
  EXPECT_NE(wide.step_losses, narrow.step_losses);
  for (std::size_t i = 0; i < wide.step_losses.size(); ++i) {
    EXPECT_NEAR(wide.step_losses[i], narrow.step_losses[i], 1e-5);  // eight steps, each rounded to f32
  }
}

TEST(Fit, GivesTheSameBitsForTheSameSeed) {
  const datasets::Dataset data = toy_data(40);
  const auto losses_with = [&](std::uint64_t seed, bool shuffle) {
    FitOptions options = quiet(2, 8);
    options.seed = seed;
    options.shuffle = shuffle;
    return train(options, data).step_losses;
  };
  EXPECT_EQ(losses_with(1, true), losses_with(1, true));
  EXPECT_NE(losses_with(1, true), losses_with(2, true));
  EXPECT_NE(losses_with(1, true), losses_with(1, false));
  EXPECT_EQ(losses_with(1, false), losses_with(2, false));
}

TEST(Fit, EndsAfterTheMostStepsAllowedWithinAnEpoch) {
  FitOptions options = quiet(5, 4);
  options.max_steps = 7;
  options.validation = toy_data(9);
  const Trained trained = train(options, toy_data(20));
  EXPECT_EQ(trained.step_losses.size(), 7U);
  ASSERT_EQ(trained.history.epochs.size(), 2U);
  EXPECT_EQ(trained.history.epochs[1].steps, 2);
  EXPECT_DOUBLE_EQ(trained.history.epochs[1].train.loss, (trained.step_losses[5] + trained.step_losses[6]) / 2);
  EXPECT_TRUE(trained.history.epochs[1].validation.has_value());
  EXPECT_EQ(trained.history.stopped_reason, "");
}

TEST(Fit, ValidatesTheModelAfterEveryEpoch) {
  const datasets::Dataset validation = toy_data(11);
  nn::Sequential model = toy_model();
  optim::SGD sgd{model.parameters(), {.learning_rate = 0.5}};
  std::vector<Scores> expected;
  FitOptions options = quiet(3, 4);
  options.validation = validation;
  options.metrics = {nn::accuracy, nn::top_k(2)};
  options.callbacks = {{.on_epoch_end = [&](const EpochRecord&, StopRequest&) {
    expected.push_back(evaluate(model, loss, validation, {.metrics = options.metrics}));
  }}};
  const History history = fit(model, sgd, loss, toy_data(20), options);
  ASSERT_EQ(expected.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(history.epochs[i].validation.has_value());
    EXPECT_EQ(history.epochs[i].validation->loss, expected[i].loss);
    EXPECT_EQ(history.epochs[i].validation->metrics, expected[i].metrics);
  }
  EXPECT_EQ(history.columns(), (std::vector<std::string>{"epoch", "loss", "accuracy", "top_2_accuracy", "val_loss",
                                                         "val_accuracy", "val_top_2_accuracy", "seconds"}));
}

TEST(Fit, CallsBackInOrder) {
  std::ostringstream calls;
  FitOptions options = quiet(2, 4);
  options.callbacks = {
      {.on_epoch_begin = [&](std::int64_t epoch) { calls << "begin " << epoch << '\n'; },
       .on_step_end =
           [&](const StepReport& report) {
             calls << report.epoch << ' ' << report.step << '/' << report.steps_per_epoch << ' ' << report.total_steps
                   << '\n';
           },
       .on_epoch_end = [&](const EpochRecord& record, StopRequest&) { calls << "end " << record.epoch << '\n'; }},
      {.on_epoch_begin = [&](std::int64_t) { calls << "another\n"; }}};
  train(options, toy_data(6));
  EXPECT_EQ(calls.str(), "begin 1\nanother\n1 1/2 1\n1 2/2 2\nend 1\nbegin 2\nanother\n2 1/2 3\n2 2/2 4\nend 2\n");
}

TEST(Fit, EndsWhereACallbackAsksForIt) {
  FitOptions options = quiet(5, 4);
  options.validation = toy_data(5);
  options.callbacks = {{.on_step_end = [](const StepReport& report) {
    if (report.total_steps == 4) report.stop("good enough");
  }}};
  const Trained within = train(options, toy_data(12));
  EXPECT_EQ(within.step_losses.size(), 4U);
  EXPECT_EQ(within.history.stopped_reason, "stopped after step 4 (epoch 2): good enough");
  EXPECT_FALSE(within.history.epochs.back().validation.has_value());

  options.callbacks = {{.on_epoch_end = [](const EpochRecord& record, StopRequest& stop) {
    if (record.epoch == 2) stop("no better");
  }}};
  const Trained between = train(options, toy_data(12));
  EXPECT_EQ(between.history.epochs.size(), 2U);
  EXPECT_EQ(between.history.stopped_reason, "stopped after step 6 (epoch 2): no better");

  options.callbacks = {{.on_epoch_end = [](const EpochRecord&, StopRequest& stop) { stop(""); }}};
  EXPECT_EQ(train(options, toy_data(12)).history.stopped_reason, "stopped after step 3 (epoch 1)");
}

TEST(Fit, KnowsNoMetricsWhereTheFirstLossIsNoNumber) {
  datasets::Dataset data = toy_data(12);
  data.images = full({12, 4}, -std::numeric_limits<double>::quiet_NaN());  // as 0 / 0 is on x86
  FitOptions options = quiet(5, 4);
  options.metrics = {nn::accuracy};
  const Trained trained = train(options, data);
  EXPECT_EQ(
      trained.history.stopped_reason,
      "stopped: the loss is nan at step 1 (epoch 1), before any update; look at the data and the initial weights");
  EXPECT_TRUE(std::isnan(trained.history.epochs[0].train.metrics[0]));
  EXPECT_EQ(trained.history.to_csv().find("-nan"), std::string::npos);
}

TEST(Fit, StopsBeforeAnUpdateByALossThatIsNoNumber) {
  const datasets::Dataset good = toy_data(12);
  std::vector<float> features(good.images.data<float>().begin(), good.images.data<float>().end());
  features[4 * 9] = std::numeric_limits<float>::quiet_NaN();  // sample 9: of the third batch
  const datasets::Dataset bad{Tensor(features, {12, 4}), good.labels};
  for (const bool compiled : {true, false}) {
    FitOptions options = quiet(5, 4);
    options.shuffle = false;
    options.validation = toy_data(5);
    options.metrics = {nn::accuracy};
    options.compile = compiled;
    const Trained trained = train(options, bad);
    EXPECT_TRUE(trained.history.diverged);
    EXPECT_EQ(trained.history.stopped_reason,
              "stopped: the loss is nan at step 3 (epoch 1); try a smaller learning rate");
    ASSERT_EQ(trained.history.epochs.size(), 1U);
    EXPECT_TRUE(std::isnan(trained.history.epochs[0].train.loss));
    EXPECT_FALSE(trained.history.epochs[0].validation.has_value());
    EXPECT_EQ(trained.history.csv_header(), "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n");

    options.max_steps = 2;
    const Trained before = train(options, good);
    nn::Sequential stopped = trained.model, broken_off = before.model;
    EXPECT_EQ(values_of(stopped), values_of(broken_off));
    EXPECT_EQ(trained.updates, 2);
    EXPECT_EQ(trained.history.epochs[0].train.metrics, before.history.epochs[0].train.metrics);
  }
}

TEST(CheckedLoss, IsTheLossOrThrowsWhatIsNoFiniteNumber) {
  const auto compiled = compile([](const Tensor& x) { return checked_loss(x + x); });
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (int call = 0; call < 3; ++call) {
      EXPECT_EQ(compiled(full({}, 1.5, dtype)).item<double>(), 3);
      for (const double bad : {std::nan(""), 1e308 * 1e308, -1e308 * 1e308}) {
        EXPECT_THROW(compiled(full({}, bad, dtype)), LossNotFinite);
        EXPECT_THROW(checked_loss(full({}, bad, dtype)), LossNotFinite);
      }
    }
  }
}

TEST(CheckedLoss, StopsAStepBeforeAnUpdateThatWouldBeFusedWithWhatTheLossReads) {
  Parameter p(full({4}, 1.0), "p");
  const auto step = compile([&](const Tensor& target) {
    Tape tape;
    const Tensor difference = p.value() - target;
    const Tensor value = sum(difference * difference);
    const Tensor checked = checked_loss(value);
    p.assign(p.value() - tape.gradient(value, p) * 0.1);
    return checked;
  });
  const auto elements = [&] {  // copied: what somebody else holds is not written over
    const std::span<const float> now = p.value().data<float>();
    return std::vector<float>(now.begin(), now.end());
  };
  for (int call = 0; call < 3; ++call) step(full({4}, 2.0));
  const std::vector<float> before = elements();
  EXPECT_THROW(step(Tensor({2.0F, std::nanf(""), 2.0F, 2.0F})), LossNotFinite);
  EXPECT_EQ(elements(), before);
  step(full({4}, 2.0));
  EXPECT_NE(elements(), before);
}

TEST(Fit, EndsAfterTheStepInHandWhenInterrupted) {
  FitOptions options = quiet(5, 4);
  options.validation = toy_data(5);
  options.callbacks = {{.on_step_end = [](const StepReport& report) {
    if (report.total_steps == 5) std::raise(SIGINT);
  }}};
  const Trained trained = train(options, toy_data(12));
  EXPECT_TRUE(trained.history.interrupted);
  EXPECT_EQ(trained.history.stopped_reason, "interrupted after step 5 (epoch 2)");
  EXPECT_EQ(trained.step_losses.size(), 5U);
  EXPECT_EQ(trained.history.epochs.size(), 2U);
  EXPECT_EQ(trained.history.epochs[1].steps, 2);
}

TEST(Fit, PutsTheModelIntoTrainingModeAndBack) {
  nn::Sequential model = toy_model();
  optim::SGD sgd{model.parameters()};
  std::vector<bool> modes;
  FitOptions options = quiet(1, 4);
  options.callbacks = {{.on_step_end = [&](const StepReport&) { modes.push_back(model.is_training()); }}};
  model.eval();
  fit(model, sgd, loss, toy_data(4), options);
  EXPECT_EQ(modes, std::vector<bool>{true});
  EXPECT_FALSE(model.is_training());
}

TEST(Fit, RefusesWhatCannotBeTrained) {
  nn::Sequential model = toy_model();
  optim::SGD sgd{model.parameters()};
  const datasets::Dataset data = toy_data(8);
  const auto error = [&](const FitOptions& options, const datasets::Dataset& set) {
    return message_of<ValueError>([&] { fit(model, sgd, loss, set, options); });
  };
  const std::vector<double> before = values_of(model);
  EXPECT_EQ(error(quiet(0, 4), data), "fit: epochs is 0; expected 1 or more");
  EXPECT_EQ(error(quiet(1, -4), data), "fit: batch_size is -4; expected 1 or more");
  FitOptions options = quiet(1, 4);
  options.max_steps = -1;
  EXPECT_EQ(error(options, data), "fit: max_steps is -1; expected 0 (no limit) or more");
  options = quiet(4, 4);
  options.initial_epoch = -1;
  EXPECT_EQ(error(options, data), "fit: initial_epoch is -1; expected 0 to 4, the number of epochs");
  options.initial_epoch = 5;
  EXPECT_EQ(error(options, data), "fit: initial_epoch is 5; expected 0 to 4, the number of epochs");
  EXPECT_EQ(error(quiet(1, 4), {data.images}), "fit: the data set has no labels; expected Dataset{images, labels}");
  EXPECT_EQ(error(quiet(1, 4), toy_data(0)), "fit: the data set is empty");
  options = quiet(1, 4);
  options.validation = {data.images};
  EXPECT_EQ(error(options, data), "fit: validation: the data set has no labels; expected Dataset{images, labels}");
  EXPECT_EQ(values_of(model), before);
}

TEST(Fit, ShowsOneCalmLinePerEpochWhereThereIsNoTerminal) {
  std::ostringstream output;
  FitOptions options{.epochs = 2, .batch_size = 4, .metrics = {nn::accuracy}, .label = "toy", .output = &output};
  train(options, toy_data(8));
  std::istringstream lines(output.str());
  std::string line;
  for (int epoch = 1; epoch <= 2; ++epoch) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line.substr(0, 21), "toy, epoch " + std::to_string(epoch) + "/2: loss ") << line;
  }
  EXPECT_FALSE(std::getline(lines, line)) << line;
}

TEST(Fit, DrawsOneLineOverAndOverAndSaysWhyItEnds) {
  std::ostringstream output;
  FitOptions options{.epochs = 2, .batch_size = 4, .progress = Progress::one_line, .output = &output};
  options.callbacks = {{.on_epoch_end = [](const EpochRecord&, StopRequest& stop) { stop("enough"); }}};
  train(options, toy_data(8));
  const std::string text = output.str();
  EXPECT_EQ(text[0], '\r');
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_TRUE(text.ends_with("\nstopped after step 2 (epoch 1): enough\n")) << text;
}

TEST(Fit, AsksTheSystemForNoMemoryInTheSteadyState) {
  long begin = 0, end = 0;
  FitOptions options = quiet(1, 8);
  options.metrics = {nn::accuracy};
  options.callbacks = {{.on_step_end = [&](const StepReport& report) {
    if (report.step == 10) begin = test::allocations();
    if (report.step == 60) end = test::allocations();
  }}};
  nn::Sequential model = toy_model();
  optim::Adam adam{model.parameters()};
  fit(model, adam, loss, toy_data(500), options);
  EXPECT_GT(begin, 0);
  EXPECT_EQ(end, begin);
}

}  // namespace
}  // namespace wengert::training
