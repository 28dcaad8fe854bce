#pragma once

#include <span>
#include <string>
#include <string_view>

namespace wengert::training {

/// Writes a file whole or not at all: under another name beside it, forced to the disk, then renamed. What was there
/// before stays as it was until then, and its permissions are kept, as are links that lead to it. What is a device, a
/// pipe or an open file (/dev/stdout) is written to directly, at its end. Throws FileError, also for a file that is
/// there and may not be written to.
void write_file_atomically(const std::string& path, std::string_view contents);
/// The same for contents that come in parts, one behind the other.
void write_file_atomically(const std::string& path, std::span<const std::string_view> parts);

}  // namespace wengert::training
