#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/text.h>
#include <wengert/datasets/idx.h>
#include <wengert/datasets/mnist.h>

namespace wengert::datasets {

namespace {

constexpr std::int64_t image_extent = 28;
constexpr int classes = 10;

/// A data set of four files in this format.
struct Source {
  std::string_view name;
  std::string_view folder;
  bool is_bare_too;       // its files may also stand in $WENGERT_DATA itself
  std::string_view help;  // what brings the files to where they are found
};

constexpr Source fashion_source{"Fashion-MNIST", "fashion-mnist", true, "sudo apt-get install dataset-fashion-mnist"};
constexpr Source digits_source{
    "MNIST", "mnist", false,
    "wget -P ~/.local/share/datasets/mnist "
    "https://ossci-datasets.s3.amazonaws.com/mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"};

std::string environment(const char* name, const std::string& otherwise = {}) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::vector<std::string> data_directories(const Source& source) {
  std::vector<std::string> directories;
  const auto add = [&](const std::filesystem::path& base) {
    // The XDG specification tells to pass over paths that are not absolute.
    if (base.is_absolute()) directories.push_back((base / "datasets" / source.folder).string());
  };
  const std::string home = environment("HOME");
  add(environment("XDG_DATA_HOME", home.empty() ? "" : home + "/.local/share"));
  std::istringstream shared(environment("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
  for (std::string base; std::getline(shared, base, ':');) add(base);
  return directories;
}

/// The path of a file as it is there, plain or compressed; empty where it is not.
std::string find_file(const std::string& directory, std::string_view name) {
  for (const std::string_view ending : {"", ".gz"}) {
    std::string path = (std::filesystem::path(directory) / name).string().append(ending);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return {};
}

constexpr std::string_view files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                      "t10k-labels-idx1-ubyte"};

bool holds_any_file(const std::string& directory) {
  return std::any_of(std::begin(files), std::end(files),
                     [&](auto name) { return !find_file(directory, name).empty(); });
}

std::string find_directory(const Source& source, const std::string& given) {
  const std::string base = environment("WENGERT_DATA");
  const bool named = !given.empty() || !base.empty();
  std::vector<std::string> directories = named ? std::vector<std::string>() : data_directories(source);
  if (!given.empty()) {
    directories.push_back(given);
  } else if (named) {
    directories.push_back((std::filesystem::path(base) / source.folder).string());
    if (source.is_bare_too) directories.push_back(base);
  }
  const auto found = std::find_if(directories.begin(), directories.end(), holds_any_file);
  if (found != directories.end()) return *found;
  const std::string places =
      directories.empty() ? "XDG data directories, none of them absolute" : wengert::detail::joined(directories, ", ");
  throw FileError(
      fmt::format("{}: no {} there ({}, plain or .gz); {}: {}", places, source.name,
                  wengert::detail::joined(std::vector<std::string>(std::begin(files), std::end(files)), ", "),
                  named ? "get it, and name no directory, by" : "get it by", source.help));
}

std::string require_file(const std::string& directory, std::string_view name) {
  std::string path = find_file(directory, name);
  if (path.empty()) {
    throw FileError(
        fmt::format("{}: no such file, nor {}.gz", (std::filesystem::path(directory) / name).string(), name));
  }
  return path;
}

Tensor read_images(const std::string& path) {
  Tensor images = read_idx(path);
  const Shape& shape = images.shape();
  if (images.dtype() != DType::u8 || shape.rank() != 3 || shape[0] == 0 || shape[1] != image_extent ||
      shape[2] != image_extent) {
    throw FileError(fmt::format("{}: holds {} {}; expected images, u8 [n, 28, 28], magic 0x00000803", path,
                                name_of(images.dtype()), to_string(shape)));
  }
  return images;
}

Tensor read_labels(const std::string& path) {
  Tensor labels = read_idx(path);
  if (labels.dtype() != DType::u8 || labels.rank() != 1) {
    throw FileError(fmt::format("{}: holds {} {}; expected labels, u8 [n], magic 0x00000801", path,
                                name_of(labels.dtype()), to_string(labels.shape())));
  }
  const std::span<const std::uint8_t> values = labels.data<std::uint8_t>();
  const auto wrong = std::find_if(values.begin(), values.end(), [](std::uint8_t label) { return label >= classes; });
  if (wrong != values.end()) {
    throw FileError(
        fmt::format("{}: label {} of sample {}; expected 0 … {}", path, *wrong, wrong - values.begin(), classes - 1));
  }
  return labels;
}

Dataset read_part(const std::string& directory, std::string_view images_name, std::string_view labels_name) {
  const std::string images_path = require_file(directory, images_name);
  const std::string labels_path = require_file(directory, labels_name);
  Dataset data{read_images(images_path), read_labels(labels_path), 1.0 / 255};
  if (data.labels.size() != data.images.shape()[0]) {
    throw FileError(fmt::format("{}: {} labels for the {} images of {}; expected as many", labels_path,
                                data.labels.size(), data.images.shape()[0], images_path));
  }
  return data;
}

TrainAndTest read(const Source& source, const std::string& given) {
  const std::string directory = find_directory(source, given);
  TrainAndTest data;
  kernels::parallel_for(2, [&](std::int64_t part) {
    part == 0 ? data.train = read_part(directory, files[0], files[1])
              : data.test = read_part(directory, files[2], files[3]);
  });
  return data;
}

}  // namespace

TrainAndTest fashion_mnist(const std::string& directory) { return read(fashion_source, directory); }
TrainAndTest mnist(const std::string& directory) { return read(digits_source, directory); }

}  // namespace wengert::datasets
