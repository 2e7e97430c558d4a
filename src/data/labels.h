// Labels of samples, from files: a .npy, an array of a .npz, or a .txt with a line each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace eightbit {

// Throw FileError for a file that cannot be read; DataError for elements of another kind,
// InvalidArgument for a missing array.
std::vector<int64_t> read_class_labels(const std::filesystem::path& path, const std::string& array);
std::vector<std::string> read_text_labels(const std::filesystem::path& path,
                                          const std::string& array);

// Without line ends. An empty last line does not count.
std::vector<std::string> read_lines(const std::filesystem::path& path);

}  // namespace eightbit
