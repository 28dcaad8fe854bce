#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <wengert/autograd/tensor.h>

namespace comparison {

/// What the command line asks for.
struct Options {
  /// As they were written: "leaky_relu:0.3".
  std::vector<std::string> activations = {"relu", "gelu", "sigmoid", "leaky_relu:0.3"};
  std::int64_t epochs = 5;
  std::int64_t batch_size = 32;
  double learning_rate = 1e-3;
  /// Units of each hidden layer.
  std::vector<std::int64_t> hidden = {128};
  std::uint64_t seed = 0;
  wengert::DType precision = wengert::DType::f32;
  bool shuffle = true;
  /// 0: no limit.
  std::int64_t max_steps = 0;
  std::string initial_weights = {};
  std::string record_steps = {};
  /// Models trained side by side, and threads in all.
  std::int64_t jobs = 1, threads = 1;
  /// Record a step once and replay it.
  bool compile = true;
  /// Empty: where data sets usually are.
  std::string data = {};
  std::string out = "comparison";
  bool quiet = false;
};

/// A command line that makes no sense. The message is one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Nothing where help or the version was asked for, and printed. Throws UsageError.
std::optional<Options> read_options(int argc, const char* const* argv);

}  // namespace comparison
