#include "quant/exact_json.h"

#include <charconv>

namespace eightbit {

double as_json_number(float value) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, value);
  double decimal = 0;
  std::from_chars(text, written.ptr, decimal);
  return static_cast<float>(decimal) == value ? decimal : static_cast<double>(value);
}

nlohmann::ordered_json as_json_numbers(const std::vector<float>& values) {
  auto list = nlohmann::ordered_json::array();
  for (float value : values) list.push_back(as_json_number(value));
  return list;
}

}  // namespace eightbit
