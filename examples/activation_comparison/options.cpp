#include "options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <limits>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <wengert/autograd/error.h>
#include <wengert/nn/activation.h>
#include <wengert/version.h>

namespace comparison {

namespace {

constexpr const char* description =
    "Trains one model per activation function on Fashion-MNIST, and draws how their losses fall.\n"
    "Each is Flatten -> Dense(128, activation) -> Dense(10, softmax), trained by Adam on the cross-entropy.";

constexpr const char* footer = R"(Activations:
{}
Written to --out: losses.png and .svg, accuracy.png and .svg, history.csv, summary.json.
Ends with 0; with 1 where something failed (a loss that became NaN, a file), 2 for a command line that makes
no sense, 130 after Ctrl-C, which ends the training after the step in hand and writes what there is.
)";

/// A few to a line.
std::string known_activations() {
  std::string text, line = " ";
  for (const std::string& name : wengert::nn::activation_names()) {
    if (line.size() + name.size() > 90) text += std::exchange(line, " ") + '\n';
    line += ' ' + name;
  }
  return text + line + '\n';
}

/// The number that all of the text spells, if it does.
template <typename T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && rest == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

template <typename T>
struct Range {
  T low, high;
};

template <typename T>
T whole_number(const std::string& flag, std::string_view text, Range<T> range) {
  const std::optional<T> value = parse<T>(text);
  if (value && *value >= range.low && *value <= range.high) return *value;
  throw UsageError(fmt::format("{} '{}': expected a whole number from {} to {}", flag, text, range.low, range.high));
}

double positive_number(const std::string& flag, std::string_view text) {
  const std::optional<double> value = parse<double>(text);
  if (value && std::isfinite(*value) && *value > 0) return *value;
  throw UsageError(fmt::format("{} '{}': expected a number above 0", flag, text));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// The names between the commas; a part that begins like a number belongs to the name before it, as another parameter.
std::vector<std::string> read_activations(const std::string& text) {
  std::vector<std::string> names;
  for (const std::string& part : split(text)) {
    if (!names.empty() && !part.empty() && std::string_view("+-.0123456789").find(part[0]) != std::string_view::npos) {
      names.back() += ',' + part;
    } else {
      names.push_back(part);
    }
  }
  std::set<std::string> known;
  for (const std::string& name : names) {
    try {
      if (!known.insert(wengert::nn::activation(name).name()).second) {
        throw UsageError(fmt::format("--activations: {} appears twice", name));
      }
    } catch (const wengert::ValueError& error) {
      throw UsageError(fmt::format("--activations: {}", error.what()));
    }
  }
  return names;
}

std::vector<std::int64_t> read_hidden(const std::string& text) {
  std::vector<std::int64_t> widths;
  for (const std::string& part : split(text))
    widths.push_back(whole_number<std::int64_t>("--hidden", part, {1, 16384}));
  return widths;
}

wengert::DType read_precision(const std::string& text) {
  if (text == "f32") return wengert::DType::f32;
  if (text == "f64") return wengert::DType::f64;
  throw UsageError(fmt::format("--precision '{}': expected f32 or f64", text));
}

std::string require_text(const std::string& flag, const std::string& text) {
  if (text.empty()) throw UsageError(flag + " is empty; expected a path");
  return text;
}

/// The command line: each flag with its place in the options.
class CommandLine {
 public:
  explicit CommandLine(Options& options) : app_(description, "activation_comparison") {
    app_.set_version_flag("--version", fmt::format("activation_comparison {}", wengert::version_string));
    app_.get_formatter()->column_width(30);
    app_.footer(fmt::format(footer, known_activations()));

    constexpr std::int64_t many = 1'000'000;
    add("--activations", "a,b,...", fmt::format("{}", fmt::join(options.activations, ",")),
        "Any of those below, with its parameter after a colon where\nit is not the usual one: leaky_relu:SLOPE",
        [&options](const std::string& text) { options.activations = read_activations(text); });
    add_number("--epochs", "N", options.epochs, {1, many}, "Passes over the training images");
    add_number("--batch-size", "N", options.batch_size, {1, many}, "Images of each step");
    add("--learning-rate", "X", fmt::format("{}", options.learning_rate), "Of Adam",
        [&options](const std::string& text) { options.learning_rate = positive_number("--learning-rate", text); });
    add("--hidden", "N,...", fmt::format("{}", fmt::join(options.hidden, ",")),
        "Units of the hidden layer; 128,64 makes two layers",
        [&options](const std::string& text) { options.hidden = read_hidden(text); });
    add_number("--seed", "N", options.seed, {0, std::numeric_limits<std::uint64_t>::max()},
               "Of the initial weights and of the order of the images");
    add("--precision", "f32|f64", "f32", "Of all numbers in training",
        [&options](const std::string& text) { options.precision = read_precision(text); });
    app_.add_flag_callback(
        "--no-shuffle", [&options] { options.shuffle = false; }, "Take the images in the order of the file");
    add_number("--max-steps", "N", options.max_steps, {1, many * many}, "End every training after that many steps");
    add_path("--initial-weights", "FILE", options.initial_weights,
             "Start every model from this safetensors file, F32 or F64:\nhidden.weight [784, N], hidden.bias, "
             "output.weight, output.bias;\nfurther hidden layers are called hidden_1, hidden_2 and so on");
    add_path("--record-steps", "FILE", options.record_steps,
             "Write the loss of every step, as {\"loss\": {activation: [...]}}");
    add_number("--jobs", "N", options.jobs, {1, 1024}, "Models trained side by side");
    add_number("--threads", "N", options.threads, {1, 1024},
               "Threads in all. Whatever these two are, the figures are the same bits");
    app_.add_flag_callback(
        "--no-compile", [&options] { options.compile = false; },
        "Run every step anew instead of replaying a recorded one:\nslower, with the same figures");
    add_path("--data", "DIR", options.data,
             "Where the four files of Fashion-MNIST are; else fashion-mnist in\n$WENGERT_DATA or that itself, else "
             "datasets/fashion-mnist of\nthe XDG data directories, such as /usr/share");
    add_path("--out", "DIR", options.out, "Where results are written");
    app_.add_flag("--quiet", options.quiet, "Print nothing but errors");
  }

  /// False where help or the version was asked for, and printed.
  bool parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& asked) {
      app_.exit(asked, std::cout, std::cerr);
      return false;
    } catch (const CLI::ParseError& error) {
      throw UsageError(error.what());
    }
    return true;
  }

 private:
  template <typename F>
  void add(const std::string& flag, const std::string& type, const std::string& otherwise, const std::string& help,
           F read) {
    CLI::Option* option = app_.add_option_function<std::string>(flag, read, help);
    option->type_name(type);
    if (!otherwise.empty()) option->default_str(otherwise);
  }
  template <typename T>
  void add_number(const std::string& flag, const std::string& type, T& value, Range<T> range, const std::string& help) {
    const bool given = value >= range.low;
    add(flag, type, given ? fmt::format("{}", value) : "", help,
        [flag, range, &value](const std::string& text) { value = whole_number(flag, text, range); });
  }
  void add_path(const std::string& flag, const std::string& type, std::string& path, const std::string& help) {
    add(flag, type, path, help, [flag, &path](const std::string& text) { path = require_text(flag, text); });
  }

  CLI::App app_;
};

}  // namespace

std::optional<Options> read_options(int argc, const char* const* argv) {
  Options options;
  options.jobs = options.threads = std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  CommandLine command_line(options);
  if (!command_line.parse(argc, argv)) return std::nullopt;
  return options;
}

}  // namespace comparison
