#pragma once

#include <string>
#include <string_view>

namespace wengert::training {

bool is_utf8(std::string_view text);

/// A string as JSON writes it (RFC 8259, section 7), quotation marks included; with U+FFFD for each byte that is not
/// UTF-8.
std::string json_string(std::string_view text);

/// A number as JSON writes it, to the last bit; null where it is not finite.
std::string json_number(double value);

}  // namespace wengert::training
