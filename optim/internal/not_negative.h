#pragma once

#include <string_view>

namespace wengert::optim::detail {

/// The setting `name` of an optimiser or schedule. Throws ValueError unless it is a finite number, 0 or more.
double not_negative(std::string_view owner, std::string_view name, double value);

}  // namespace wengert::optim::detail
