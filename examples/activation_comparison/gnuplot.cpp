#include "gnuplot.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wengert/autograd/error.h>

namespace comparison {

namespace {

[[noreturn]] void fail(const std::string& what) { throw wengert::Error("gnuplot: " + what); }

void check(int error) {
  if (error != 0) fail(fmt::format("cannot be run: {}", std::strerror(error)));
}

/// A descriptor that is closed in any case.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno != EINTR) fail(fmt::format("its output cannot be read: {}", std::strerror(errno)));
    if (count == 0) return text;
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

/// Where a process that is to be started finds its files.
class Files {
 public:
  Files() { posix_spawn_file_actions_init(&actions_); }
  ~Files() { posix_spawn_file_actions_destroy(&actions_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  void put(int from, int to) { check(posix_spawn_file_actions_adddup2(&actions_, from, to)); }
  void enter(const std::string& directory) {
    check(posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()));
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

pid_t start(const Files& files) {
  std::string program = "gnuplot";
  const std::array<char*, 2> arguments{program.data(), nullptr};
  pid_t process = 0;
  const int error = posix_spawnp(&process, program.c_str(), files.get(), nullptr, arguments.data(), environ);
  if (error == ENOENT) fail("is not installed, so there are no pictures; sudo apt-get install gnuplot-nox");
  check(error);
  return process;
}

using TemporaryFile = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

TemporaryFile temporary_file(const std::string& contents) {
  TemporaryFile file(std::tmpfile(), std::fclose);
  if (file == nullptr || std::fwrite(contents.data(), 1, contents.size(), file.get()) != contents.size() ||
      std::fflush(file.get()) != 0) {
    fail(fmt::format("no temporary file can be made: {}", std::strerror(errno)));
  }
  std::rewind(file.get());
  return file;
}

/// What is wrong, as one line: the last of those that gnuplot said, which names the matter.
std::string complaint(std::FILE* said) {
  std::rewind(said);
  std::string last;
  for (std::array<char, 1000> line; std::fgets(line.data(), line.size(), said) != nullptr;) {
    const std::string text(line.data(), std::strcspn(line.data(), "\r\n"));
    if (text.find_first_not_of(" \t^") != std::string::npos) last = text;
  }
  return last.substr(std::min(last.size(), last.find_first_not_of(" \t")));
}

}  // namespace

std::string run_gnuplot(const std::string& directory, const std::string& script) {
  if (!std::filesystem::is_directory(directory)) fail(directory + " is no directory any more");
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) check(errno);
  const Descriptor output(ends[0]);
  Descriptor input(ends[1]);
  const TemporaryFile read = temporary_file(script), said = temporary_file({});

  Files files;
  files.put(fileno(read.get()), STDIN_FILENO);
  files.put(input.number(), STDOUT_FILENO);
  files.put(fileno(said.get()), STDERR_FILENO);
  files.enter(directory);
  const pid_t process = start(files);
  input.close();
  std::string written = read_all(output.number());
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) fail(fmt::format("ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status))));
  if (status != 0 || written.empty()) {
    const std::string text = complaint(said.get());
    fail(text.empty() ? fmt::format("drew nothing, and ended with {}", WEXITSTATUS(status)) : text);
  }
  return written;
}

}  // namespace comparison
