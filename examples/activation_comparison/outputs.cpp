#include "outputs.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>

#include <wengert/version.h>

namespace comparison {

using nlohmann::ordered_json;
using wengert::training::EpochRecord;
using wengert::training::History;

namespace {

/// The processor's name as Linux gives it; elsewhere its kind.
std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  utsname system{};
  return uname(&system) == 0 ? system.machine : "unknown";
}

double seconds_of(const History& history) {
  return std::accumulate(history.epochs.begin(), history.epochs.end(), 0.0,
                         [](double sum, const EpochRecord& epoch) { return sum + epoch.seconds; });
}

/// What the last epoch gave.
struct Final {
  std::optional<double> loss, accuracy, val_loss, val_accuracy;

  explicit Final(const History& history) {
    if (history.epochs.empty()) return;
    const EpochRecord& last = history.epochs.back();
    loss = last.train.loss;
    accuracy = last.train.metrics.at(0);
    if (!last.validation) return;
    val_loss = last.validation->loss;
    val_accuracy = last.validation->metrics.at(0);
  }
};

/// Names of files may be of any bytes: what is not UTF-8 in them is shown as U+FFFD.
std::string text_of(const ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

ordered_json settings(const Options& options) {
  ordered_json json;
  json["activations"] = options.activations;
  json["epochs"] = options.epochs;
  json["batch_size"] = options.batch_size;
  json["learning_rate"] = options.learning_rate;
  json["optimizer"] = "adam";
  json["hidden"] = options.hidden;
  json["precision"] = name_of(options.precision);
  json["shuffle"] = options.shuffle;
  json["max_steps"] = options.max_steps == 0 ? ordered_json() : ordered_json(options.max_steps);
  json["initial_weights"] = options.initial_weights.empty() ? ordered_json() : ordered_json(options.initial_weights);
  json["jobs"] = options.jobs;
  json["threads"] = options.threads;
  json["compile"] = options.compile;
  return json;
}

ordered_json model(const Result& result) {
  const auto number = [](const std::optional<double>& value) { return value ? ordered_json(*value) : ordered_json(); };
  const Final last(result.history);
  ordered_json json;
  json["activation"] = result.activation;
  json["loss"] = number(last.loss);
  json["accuracy"] = number(last.accuracy);
  json["val_loss"] = number(last.val_loss);
  json["val_accuracy"] = number(last.val_accuracy);
  json["seconds"] = seconds_of(result.history);
  json["history"] = ordered_json::parse(result.history.to_json());
  return json;
}

std::string cell(const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : "-"; }

/// Columns as wide as their widest cell; the first to the left, numbers to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    text += fmt::format("{:<{}}", row[0], widths[0]);
    for (std::size_t i = 1; i < row.size(); ++i) text += fmt::format("  {:>{}}", row[i], widths[i]);
    text += '\n';
  }
  return text;
}

}  // namespace

std::string history_csv(const std::vector<Result>& results) {
  std::string text = "activation," + results.front().history.csv_header();
  for (const Result& result : results) text += result.history.csv_rows(result.activation);
  return text;
}

std::string summary_json(const Options& options, const std::vector<Result>& results) {
  ordered_json json;
  json["version"] = wengert::version_string;
  json["machine"] = {{"cpu", cpu_name()}};
  json["settings"] = settings(options);
  json["seeds"] = {{"initial_weights", options.seed}, {"shuffle", options.seed}};
  json["notes"] = ordered_json::array();
  if (const std::string note = slope_note(options); !note.empty()) json["notes"].push_back(note);
  json["models"] = ordered_json::array();
  for (const Result& result : results) json["models"].push_back(model(result));
  return text_of(json, 2);
}

std::string steps_json(const std::vector<Result>& results) {
  ordered_json losses = ordered_json::object();
  for (const Result& result : results) losses[result.activation] = result.step_losses;
  return text_of({{"loss", std::move(losses)}});
}

std::string table(const std::vector<Result>& results) {
  std::size_t epochs = 0;
  for (const Result& result : results) epochs = std::max(epochs, result.history.epochs.size());

  std::vector<std::vector<std::string>> rows{{"activation"}};
  for (std::size_t epoch = 1; epoch <= epochs; ++epoch) rows[0].push_back(fmt::format("loss {}", epoch));
  for (const char* name : {"accuracy", "test loss", "test accuracy", "seconds"}) rows[0].emplace_back(name);

  for (const auto& [activation, history, steps] : results) {
    if (history.epochs.empty()) continue;  // interrupted before its turn came
    std::vector<std::string> row{activation};
    for (const EpochRecord& epoch : history.epochs) row.push_back(cell(epoch.train.loss));
    row.resize(1 + epochs, "-");
    const Final last(history);
    for (const auto& value : {last.accuracy, last.val_loss, last.val_accuracy}) row.push_back(cell(value));
    row.push_back(fmt::format("{:.1f}", seconds_of(history)));
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

std::string slope_note(const Options& options) {
  std::string slopes;
  for (const std::string& name : options.activations) {
    if (!name.starts_with("leaky_relu")) continue;
    const std::size_t colon = name.find(':');
    slopes += slopes.empty() ? "" : ", ";
    slopes += colon == std::string::npos ? "0.01" : name.substr(colon + 1);
  }
  return slopes.empty()
             ? ""
             : "leaky_relu: a slope of 0.3 is the default of Keras's LeakyReLU layer; the usual formula says "
               "0.01; trained here: " +
                   slopes + '.';
}

}  // namespace comparison
