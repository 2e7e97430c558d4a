// Suggestions for misspelt flags and verbs.
#pragma once

#include <string>
#include <vector>

namespace eightbit::cli {

// " Did you mean --preset?" or "".
std::string suggestion(const std::string& word, const std::vector<std::string>& names);

}  // namespace eightbit::cli
