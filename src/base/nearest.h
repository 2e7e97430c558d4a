// Suggestions for misspelt names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

// Up to `limit` candidates closest to `text` by edit distance, case ignored, best first; empty
// where nothing is near.
std::vector<std::string> nearest(std::string_view text, std::span<const std::string> candidates,
                                 size_t limit = 3);

// " Did you mean a, b or c?" or "" - ready to append to a message.
std::string suggestion(std::string_view text, std::span<const std::string> candidates);

}  // namespace eightbit
