#include <cmath>

#include <fmt/format.h>

#include <wengert/training/internal/json_text.h>

namespace wengert::training {

std::string json_string(std::string_view text) {
  constexpr std::string_view special = "\"\\\n\t\r\b\f", letters = "\"\\ntrbf";
  std::string quoted = "\"";
  for (const char c : text) {
    if (const std::size_t place = special.find(c); place != special.npos) {
      quoted.append({'\\', letters[place]});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string json_number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }

}  // namespace wengert::training
