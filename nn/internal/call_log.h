#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <wengert/nn/module.h>

namespace wengert::nn {

/// While one is in scope, the shapes of the results of all modules that this thread calls.
class CallLog {
 public:
  CallLog() : outer_(std::exchange(current_, this)) {}
  ~CallLog() { current_ = outer_; }
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;

  static CallLog* current() { return current_; }
  void add(const Module& module, const Shape& result) { calls_.emplace_back(&module, result); }

  /// The shape of the module's last result; none where it was not called.
  std::optional<Shape> result_of(const Module& module) const {
    const auto call = std::find_if(calls_.rbegin(), calls_.rend(), [&](const auto& c) { return c.first == &module; });
    return call == calls_.rend() ? std::nullopt : std::optional(call->second);
  }

 private:
  static inline thread_local CallLog* current_ = nullptr;
  CallLog* outer_;
  std::vector<std::pair<const Module*, Shape>> calls_;
};

}  // namespace wengert::nn
