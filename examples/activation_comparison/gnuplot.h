#pragma once

#include <string>

namespace comparison {

/// Runs gnuplot in `directory` and gives what it wrote to its standard output. Throws Error where it is not installed,
/// fails, or writes nothing.
std::string run_gnuplot(const std::string& directory, const std::string& script);

}  // namespace comparison
