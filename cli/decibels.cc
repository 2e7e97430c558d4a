#include "decibels.h"

#include <fmt/format.h>

#include <cmath>

namespace eightbit::cli {

std::string decibels(std::optional<double> value, const char* exact) {
  if (!value) return "-";
  return std::isinf(*value) ? exact : fmt::format("{:.2f}", *value);
}

}  // namespace eightbit::cli
