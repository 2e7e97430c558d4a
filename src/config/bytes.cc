// Numbers of bytes as people write them.
#include <eightbit/run.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace eightbit {
namespace {

// What a unit counts; 0 for what is none.
double factor_of(std::string unit) {
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (unit.ends_with('b')) unit.pop_back();
  const bool binary = unit.ends_with('i');
  if (binary) unit.pop_back();
  if (unit.empty()) return binary ? 0 : 1;
  const size_t power = std::string_view("kmgt").find(unit);
  if (unit.size() != 1 || power == std::string_view::npos) return 0;
  return std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(power + 1));
}

}  // namespace

int64_t parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  unit.erase(0, unit.find_first_not_of(' '));
  const double bytes = number * factor_of(unit);
  const bool fits = bytes >= 1 && bytes < static_cast<double>(std::numeric_limits<int64_t>::max());
  if (error != std::errc{} || !fits)
    fail<InvalidArgument>(
        "options", "'{}' is no number of bytes. Write one such as 2GB, 512MiB or 800000000.", text);
  return static_cast<int64_t>(bytes);
}

}  // namespace eightbit
