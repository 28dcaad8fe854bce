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
  throw FileError(fmt::format("{}: cannot be written: {}", path.empty() ? "''" : path.c_str(), std::strerror(error)));
}

int open_to_write(const fs::path& name, int flags) { return open(name.c_str(), flags | O_WRONLY | O_CLOEXEC, 0666); }

/// What `open` gave, closed in any case. `path` is what errors name.
class OutputFile {
 public:
  OutputFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {
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
  fs::path temporary;
  int descriptor = -1;
  do {  // another process may have had this number, and left a file behind
    temporary = target.parent_path() / fmt::format(".{}-{}.part", getpid(), count++);
    descriptor = open_to_write(temporary, O_CREAT | O_EXCL);
  } while (descriptor < 0 && errno == EEXIST);
  OutputFile file(path, descriptor);
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

/// The name that a path leads to by links, which are kept; none where that is an open file, as of /dev/stdout.
std::optional<fs::path> destination(const std::string& path) {
  constexpr int most_links = 40;
  std::error_code error;
  fs::path name = path;
  for (int links = 0; fs::is_symlink(fs::symlink_status(name, error)); ++links) {
    const fs::path folder = fs::canonical(name.has_parent_path() ? name.parent_path() : ".", error);
    if (folder.native().starts_with("/proc/")) return std::nullopt;
    const fs::path linked = fs::read_symlink(name, error);
    if (error || links == most_links) fail(path, error ? error.value() : ELOOP);
    name = folder / linked;
  }
  return name;
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const std::string_view> parts) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) fail(path, EISDIR);
  const bool exists = fs::exists(status);
  // To rename another file over it would be allowed, whatever its own rights.
  if (exists && faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) fail(path, errno);
  if (!exists || fs::is_regular_file(status)) {
    const std::optional<fs::path> target = destination(path);
    if (target) return replace(path, *target, parts, exists ? std::optional(status.permissions()) : std::nullopt);
  }
  OutputFile device(path, open_to_write(path, O_APPEND));
  device.write(parts);
  device.close();
}

void write_file_atomically(const std::string& path, std::string_view contents) {
  write_file_atomically(path, std::span(&contents, 1));
}

}  // namespace wengert::training
