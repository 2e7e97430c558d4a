// Paths are UTF-8 in options, list files and messages, whatever the platform's own encoding is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace eightbit {

inline std::filesystem::path path_from_text(std::string_view text) {
  return std::filesystem::path(std::u8string(text.begin(), text.end()));
}

inline std::string path_text(const std::filesystem::path& path) {
  const std::u8string text = path.generic_u8string();
  return {text.begin(), text.end()};
}

}  // namespace eightbit
