#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "datasets/test_files.h"
#include "support/process.h"
#include "support/text.h"
#include <nlohmann/json.hpp>

namespace wengert::test {

/// Runs activation_comparison on a data set of 70 and 30 images, in a directory of its own.
class Comparison : public testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  Comparison() {
    std::filesystem::create_directory(data());
    put("train-images-idx3-ubyte", images(70));
    put("train-labels-idx1-ubyte.gz", gzip(labels(70)));
    put("t10k-images-idx3-ubyte.gz", gzip(images(30)));
    put("t10k-labels-idx1-ubyte", labels(30));
  }

  std::string data() const { return directory / "data"; }
  std::string out() const { return directory / "out"; }
  /// Writes a file of the data set.
  std::string put(const std::string& name, const std::string& bytes) const {
    return directory.write("data/" + name, bytes);
  }
  std::string result(const std::string& name) const { return read_file(out() + '/' + name); }

  static Arguments command(Arguments arguments) {
    arguments.insert(arguments.begin(), WENGERT_ACTIVATION_COMPARISON);
    return arguments;
  }
  /// With this data set and `out`, unless the arguments say otherwise.
  Arguments usual_command(Arguments arguments) const {
    for (const auto& [flag, value] : {std::pair("--data", data()), std::pair("--out", out())}) {
      if (std::find(arguments.begin(), arguments.end(), flag) == arguments.end()) {
        arguments.insert(arguments.end(), {flag, value});
      }
    }
    return command(std::move(arguments));
  }
  Finished compare(Arguments arguments, const std::function<void()>& prepare = {}) const {
    return run(usual_command(std::move(arguments)), prepare);
  }

  /// Names of all that is in a directory.
  static std::vector<std::string> listing(const std::string& path) {
    std::vector<std::string> names;
    if (!std::filesystem::exists(path)) return names;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  const TemporaryDirectory directory;
};

/// history.csv without its last column, the seconds: what must be the same from run to run.
inline std::string without_seconds(const std::string& csv) {
  std::string text;
  for (const std::string& line : lines_of(csv)) text += line.substr(0, line.rfind(',')) + '\n';
  return text;
}

/// The losses of the steps that --record-steps wrote.
inline std::map<std::string, std::vector<double>> recorded(const std::string& path) {
  return nlohmann::json::parse(read_file(path)).at("loss");
}

}  // namespace wengert::test
