// Signal-to-noise ratios as text.
#pragma once

#include <optional>
#include <string>

namespace eightbit::cli {

// "23.45"; "-" where nothing was measured, `exact` where it is infinite.
std::string decibels(std::optional<double> value, const char* exact);

}  // namespace eightbit::cli
