#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/error.h>

namespace wengert {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string as_one_line(const std::string& message) {
  if (std::none_of(message.begin(), message.end(), is_control)) return message;
  std::string line;
  for (const char c : message) {
    if (is_control(c))
      line += fmt::format("\\x{:02x}", c);
    else
      line += c;
  }
  return line;
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(as_one_line(message)) {}
Error::~Error() = default;
ShapeError::~ShapeError() = default;
DTypeError::~DTypeError() = default;
ValueError::~ValueError() = default;
GradientError::~GradientError() = default;
FileError::~FileError() = default;

}  // namespace wengert
