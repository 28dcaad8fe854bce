#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "options.h"
#include "outputs.h"
#include "plot.h"
#include "screen.h"
#include "train.h"
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <wengert/autograd/error.h>
#include <wengert/training/interrupt.h>
#include <wengert/training/write_file.h>

/// Trains one model per activation function on Fashion-MNIST and compares how their losses fall.

namespace comparison {
namespace {

namespace fs = std::filesystem;
using wengert::FileError;
using wengert::training::Interrupt;
using wengert::training::write_file_atomically;

const std::array pictures{Picture{.name = "losses",
                                  .title = "Fashion-MNIST: training loss of one model per activation function",
                                  .label = "training loss, mean over the epoch",
                                  .column = "loss"},
                          Picture{.name = "accuracy",
                                  .title = "Fashion-MNIST: accuracy in training (solid), on test images (dashed)",
                                  .label = "accuracy",
                                  .column = "accuracy",
                                  .dashed_column = "val_accuracy"}};

std::vector<std::string> picture_files() {
  std::vector<std::string> names;
  for (const Picture& picture : pictures) {
    for (const char* ending : {".png", ".svg"}) names.push_back(picture.name + ending);
  }
  return names;
}

const std::vector<std::string> figure_files = {"history.csv", "summary.json"};

std::vector<std::string> result_files() {
  std::vector<std::string> names = picture_files();
  names.insert(names.end(), figure_files.begin(), figure_files.end());
  return names;
}

/// Of a single file, which may be a device.
void check_writable(const std::string& path) {
  std::error_code ignored;
  const fs::path directory = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : ".";
  if (fs::is_directory(path, ignored)) throw FileError(path + ": is a directory; expected the name of a file");
  if (!fs::is_directory(directory, ignored)) throw FileError(path + ": there is no such directory to write it in");
  const fs::file_status status = fs::symlink_status(path, ignored);
  const bool is_made = !fs::exists(status) || fs::is_regular_file(status);  // beside it, and renamed
  if (is_made && access(directory.c_str(), W_OK) != 0) throw FileError(path + ": its directory cannot be written to");
  if (fs::exists(path, ignored) && access(path.c_str(), W_OK) != 0) throw FileError(path + ": cannot be written to");
}

/// Before hours are spent on results that could not be kept: makes the directory, and tries to write there.
void prepare_directory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw FileError(fmt::format("{}: cannot be made a directory: {}", directory, error.message()));
  std::string probe = directory + "/.probe";
  while (fs::exists(fs::symlink_status(probe, error))) probe += '_';  // somebody's own
  try {
    write_file_atomically(probe, std::string(std::size_t{1} << 18, ' '));  // about what the results take
  } catch (const FileError& failure) {
    fs::remove(probe, error);
    throw FileError(fmt::format("{}: nothing can be written there: {}", directory, failure.what()));
  }
  fs::remove(probe, error);
  for (const std::string& name : result_files()) check_writable((fs::path(directory) / name).string());
}

/// The steps' losses must not take the place of a result.
void check_apart(const std::string& path, const std::string& directory) {
  std::error_code error;
  const fs::path recorded = fs::weakly_canonical(path, error);
  if (error) return;  // no name of a file: a pipe, say
  for (const std::string& name : result_files()) {
    if (recorded == fs::weakly_canonical(fs::path(directory) / name, error))
      throw UsageError(fmt::format("--record-steps: {} is where {} is written; expected another file", path, name));
  }
}

std::string heading(const Options& options, const wengert::datasets::TrainAndTest& data) {
  return fmt::format(
      "Fashion-MNIST: {} training images, {} test images\nAdam, learning rate {}; batches of {}{}; {} "
      "epoch{}, seed {}, {}\n\n",
      data.train.size(), data.test.size(), options.learning_rate, options.batch_size,
      options.shuffle ? ", shuffled" : "", options.epochs, options.epochs == 1 ? "" : "s", options.seed,
      name_of(options.precision));
}

/// The activations that have something to draw.
std::vector<std::string> drawable(const std::vector<Result>& results) {
  std::vector<std::string> activations;
  for (const Result& result : results) {
    const auto& epochs = result.history.epochs;
    if (std::any_of(epochs.begin(), epochs.end(), [](const auto& epoch) { return std::isfinite(epoch.train.loss); })) {
      activations.push_back(result.activation);
    }
  }
  return activations;
}

/// Writes what a run leaves behind, and gives the names of the files. Pictures of an earlier run go first: they would
/// not belong to the new figures.
std::vector<std::string> write_figures(const Options& options, const std::vector<Result>& results) {
  std::error_code ignored;
  for (const std::string& name : picture_files()) fs::remove(options.out + '/' + name, ignored);
  write_file_atomically(options.out + "/history.csv", history_csv(results));
  write_file_atomically(options.out + "/summary.json", summary_json(options, results));
  if (!options.record_steps.empty()) write_file_atomically(options.record_steps, steps_json(results));
  return figure_files;
}

std::vector<std::string> draw_pictures(const Options& options, const std::vector<Result>& results) {
  const std::vector<std::string> activations = drawable(results);
  if (activations.empty()) return {};
  draw(options.out, pictures, activations);
  std::vector<std::string> names;
  names.reserve(pictures.size());
  for (const Picture& picture : pictures) names.push_back(picture.name + ".png, " + picture.name + ".svg");
  return names;
}

std::vector<std::string> divergences(const std::vector<Result>& results) {
  std::vector<std::string> reasons;
  for (const Result& result : results) {
    if (result.history.diverged) reasons.push_back(result.activation + ' ' + result.history.stopped_reason);
  }
  return reasons;
}

/// One line, whatever a file name or a flag holds.
int report(int status, std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](unsigned char c) { return c < ' '; }, ' ');
  std::cerr << "error: " << message << std::endl;
  return status;
}

/// The status, or 1 where what was printed has not all arrived.
int finished(int status) {
  if (std::cout.flush() || status != 0) return status;
  return report(1, "standard output could not be written");
}

int run(const Options& options) {
  const Interrupt interrupt;
  std::vector<Candidate> candidates = make_candidates(options);
  const wengert::datasets::TrainAndTest data = wengert::datasets::fashion_mnist(options.data);
  prepare_directory(options.out);
  if (!options.record_steps.empty()) {
    check_writable(options.record_steps);
    check_apart(options.record_steps, options.out);
  }

  Screen screen(options.quiet, candidates.size());
  screen.print(candidates.front().model.summary({28, 28}) + '\n' + heading(options, data));
  const auto [results, failure] = train(options, std::move(candidates), data, screen);
  if (failure && results.empty()) std::rethrow_exception(failure);
  const std::string note = slope_note(options);
  screen.print('\n' + table(results) + (note.empty() ? "" : '\n' + note + '\n'));

  std::vector<std::string> written = write_figures(options, results);
  std::vector<std::string> complaints = divergences(results);
  try {
    const std::vector<std::string> drawn = draw_pictures(options, results);
    written.insert(written.begin(), drawn.begin(), drawn.end());
  } catch (const wengert::Error& error) {
    complaints.emplace_back(error.what());
  }
  screen.print(fmt::format("\nWritten to {}: {}\n", options.out, fmt::join(written, ", ")));
  if (failure) std::rethrow_exception(failure);

  const int status = Interrupt::requested() ? 130 : complaints.empty() ? 0 : 1;
  return complaints.empty() ? status : report(status, fmt::format("{}", fmt::join(complaints, "; ")));
}

}  // namespace
}  // namespace comparison

int main(int argc, char** argv) {
  using comparison::finished;
  using comparison::report;
  try {
    const auto options = comparison::read_options(argc, argv);
    return finished(options ? comparison::run(*options) : 0);
  } catch (const comparison::UsageError& error) {
    return report(2, fmt::format("{} (--help lists the flags)", error.what()));
  } catch (const std::bad_alloc&) {
    return report(1, "there is not enough memory");
  } catch (const std::exception& error) {
    return report(1, error.what());
  }
}
