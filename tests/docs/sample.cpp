#include <filesystem>
#include <iostream>
#include <sstream>

#include <datasets/test_files.h>
#include <docs/sample.h>

#include <wengert/datasets/mnist.h>

namespace wengert::test {
namespace {

/// The first images and labels of a data set, as the files that it is read from.
void write_first(const TemporaryDirectory& folder, const std::string& prefix, const datasets::Dataset& data,
                 std::uint32_t count) {
  const auto pixels = data.images.data<std::uint8_t>();
  const auto labels = data.labels.data<std::uint8_t>();
  folder.write(prefix + "-images-idx3-ubyte",
               idx(8, {count, 28, 28}, std::string(pixels.begin(), pixels.begin() + count * 784)));
  folder.write(prefix + "-labels-idx1-ubyte", idx(8, {count}, std::string(labels.begin(), labels.begin() + count)));
}

/// A data set small enough for a sample to train on, made once.
const std::string& small_fashion_mnist() {
  static const TemporaryDirectory folder;
  static const bool written = [] {
    const datasets::TrainAndTest data = datasets::fashion_mnist();
    write_first(folder, "train", data.train, 640);
    write_first(folder, "t10k", data.test, 160);
    return true;
  }();
  static_cast<void>(written);
  return folder.path();
}

/// Standard output, as text.
class Captured {
 public:
  Captured() : before_(std::cout.rdbuf(text_.rdbuf())) {}
  ~Captured() { std::cout.rdbuf(before_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

/// Without the spaces at the ends of lines, which nobody sees.
std::string without_trailing_spaces(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + '\n';
  }
  return result;
}

}  // namespace

void expect_prints(void (*sample)(), const std::optional<std::string>& promised) {
  const Environment data("WENGERT_DATA", small_fashion_mnist());
  const TemporaryDirectory folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  std::string printed;
  {
    const Captured captured;
    EXPECT_NO_THROW(sample());
    printed = captured.text();
  }
  std::filesystem::current_path(before);
  if (!promised) return;
  EXPECT_EQ(without_trailing_spaces(printed), without_trailing_spaces(*promised));
}

std::string read_project_file(const std::string& path) {
  return read_file(std::string(WENGERT_SOURCE_DIR) + '/' + path);
}

void expect_quoted(const std::string& path, std::string_view text) {
  const std::string file = '\n' + read_project_file(path);
  EXPECT_NE(file.find('\n' + std::string(text)), std::string::npos) << "is not in " << path << " (any more):\n" << text;
}

}  // namespace wengert::test
