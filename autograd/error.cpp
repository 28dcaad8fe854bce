#include <algorithm>
#include <string_view>

#include <wengert/autograd/error.h>

namespace wengert {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string as_one_line(const std::string& message) {
  if (std::none_of(message.begin(), message.end(), is_control)) return message;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string line;
  for (const char c : message) {
    if (is_control(c))
      line.append("\\x").append({digits[static_cast<std::size_t>(c) / 16], digits[static_cast<std::size_t>(c) % 16]});
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
