#include "support/process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wengert::test {

namespace {

/// A file without a name, for a program to write to.
int nameless_file() {
  std::string pattern = (std::filesystem::temp_directory_path() / "wengert-test-XXXXXX").string();
  const int descriptor = mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor < 0) throw std::runtime_error("no temporary file");
  unlink(pattern.c_str());
  return descriptor;
}

std::string contents(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = pread(descriptor, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

[[noreturn]] void take_over(const std::vector<std::string>& command, const std::function<void()>& prepare, int output,
                            int errors) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  if (prepare) prepare();
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::function<void()>& prepare)
    : id_(0), output_(nameless_file()), errors_(nameless_file()) {
  id_ = fork();
  if (id_ == 0) take_over(command, prepare, output_, errors_);
}

Process::~Process() {
  if (id_ > 0) {
    signal(SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  close(output_);
  close(errors_);
}

void Process::signal(int number) const { kill(id_, number); }

bool Process::says(const std::string& text) const {
  while (true) {
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (contents(output_).find(text) != std::string::npos) return true;
    if (info.si_pid != 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Finished Process::wait() {
  int status = 0;
  while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
  }
  id_ = 0;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, contents(output_), contents(errors_)};
}

}  // namespace wengert::test
