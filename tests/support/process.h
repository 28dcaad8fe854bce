#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace wengert::test {

/// What a program left behind: its exit status (128 + n where signal n ended it, as in the shell) and what it wrote.
struct Finished {
  int status = 0;
  std::string output, errors;
};

/// A program that was started, with nothing to read. Killed at the end if it was not waited for.
class Process {
 public:
  /// `prepare` is called in the new process before the program takes over: to set limits or its environment.
  explicit Process(const std::vector<std::string>& command, const std::function<void()>& prepare = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// Waits until its standard output holds a text; false where it ended without.
  bool says(const std::string& text) const;
  Finished wait();

 private:
  pid_t id_;
  int output_, errors_;
};

inline Finished run(const std::vector<std::string>& command, const std::function<void()>& prepare = {}) {
  return Process(command, prepare).wait();
}

}  // namespace wengert::test
