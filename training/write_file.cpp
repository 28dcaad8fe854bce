#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wengert/autograd/error.h>
#include <wengert/training/write_file.h>

namespace wengert::training {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, int error) {
  throw FileError(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
}

/// An open file that is closed in any case. `path` is what errors name.
class OutputFile {
 public:
  OutputFile(std::string path, const std::string& name, int flags)
      : path_(std::move(path)), descriptor_(open(name.c_str(), flags | O_WRONLY | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail(path_, errno);
  }
  ~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::string_view> parts) const {
    for (std::string_view part : parts) {
      while (!part.empty()) {
        const ssize_t count = ::write(descriptor_, part.data(), part.size());
        if (count < 0 && errno != EINTR) fail(path_, errno);
        if (count > 0) part.remove_prefix(static_cast<std::size_t>(count));
      }
    }
  }
  /// Those of the file whose place it takes.
  void take_permissions(fs::perms permissions) const {
    if (fchmod(descriptor_, static_cast<mode_t>(permissions)) != 0) fail(path_, errno);
  }
  void sync() const {
    if (fsync(descriptor_) != 0) fail(path_, errno);
  }
  /// Some file systems report a full disk only here.
  void close() {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail(path_, errno);
  }

 private:
  std::string path_;
  int descriptor_;
};

/// Makes the new name outlast a loss of power; where a file system cannot, nothing is lost but that.
void sync_directory(const fs::path& directory) {
  const int descriptor = open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  ::close(descriptor);
}

void replace(const std::string& path, const fs::path& target, std::span<const std::string_view> parts,
             std::optional<fs::perms> permissions) {
  static std::atomic<unsigned> count{0};
  const std::string temporary = fmt::format("{}.{}-{}.part", target.string(), getpid(), count++);
  OutputFile file(path, temporary, O_CREAT | O_EXCL);
  try {
    if (permissions) file.take_permissions(*permissions);
    file.write(parts);
    file.sync();
    file.close();
    if (std::rename(temporary.c_str(), target.c_str()) != 0) fail(path, errno);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  sync_directory(target.parent_path());
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const std::string_view> parts) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) fail(path, EISDIR);
  if (!fs::exists(status)) return replace(path, path, parts, std::nullopt);
  if (fs::is_regular_file(status)) {
    const fs::path target = fs::canonical(path, ignored);  // through links, which are kept
    return replace(path, ignored ? fs::path(path) : target, parts, status.permissions());
  }
  OutputFile device(path, path, 0);
  device.write(parts);
  device.close();
}

void write_file_atomically(const std::string& path, std::string_view contents) {
  write_file_atomically(path, std::span(&contents, 1));
}

}  // namespace wengert::training
