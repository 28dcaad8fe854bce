#pragma once

#include <span>
#include <string>
#include <string_view>

namespace wengert::detail {

/// The texts, one after the other, `separator` between two of them. In one place, as each that formats such a list
/// makes five kilobytes of code.
std::string joined(std::span<const std::string> texts, std::string_view separator);

}  // namespace wengert::detail
