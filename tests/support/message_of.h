#pragma once

#include <string>

namespace wengert {

/// What is said by the exception of a type that a call throws.
template <typename Thrown, typename F>
std::string message_of(const F& call) {
  try {
    call();
  } catch (const Thrown& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace wengert
