// Floats in JSON: short where that is exact.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace eightbit {

// The double whose decimal form is that of the float, where reading it gives the same float.
double as_json_number(float value);
nlohmann::ordered_json as_json_numbers(const std::vector<float>& values);

}  // namespace eightbit
