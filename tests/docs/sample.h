#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

/// What the tests made from the documents need.

namespace wengert::test {

/// Runs a sample in a folder of its own, where `fashion_mnist()` finds a few hundred images, and compares what it
/// prints, line by line, unless nothing is promised.
void expect_prints(void (*sample)(), const std::optional<std::string>& promised);

/// The text stands in a file of the project, as whole lines.
void expect_quoted(const std::string& path, std::string_view text);

/// A file of the project.
std::string read_project_file(const std::string& path);

}  // namespace wengert::test
