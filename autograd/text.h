#pragma once

#include <span>
#include <string>
#include <string_view>

namespace wengert::detail {

/// The texts, one after the other, `separator` between two of them. That fmt can do as well, but each source that has
/// it format a range of texts is thirty kilobytes larger.
std::string joined(std::span<const std::string> texts, std::string_view separator);

}  // namespace wengert::detail
