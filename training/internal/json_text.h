#pragma once

#include <string>
#include <string_view>

namespace wengert::training {

/// A string as JSON writes it (RFC 8259, section 7), quotation marks included. Bytes beyond ASCII are left as they are.
std::string json_string(std::string_view text);

/// A number as JSON writes it, to the last bit; null where it is not finite.
std::string json_number(double value);

}  // namespace wengert::training
