#include "data/labels.h"

#include <eightbit/accuracy_control.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/whole_file.h"
#include "data/arrays/stored_array.h"

namespace eightbit {
namespace {

StoredArray array_of(const std::filesystem::path& path, const std::string& name) {
  auto arrays = list_arrays(path);
  if (arrays.size() == 1 && arrays[0].name().empty()) return std::move(arrays[0]);
  const auto found = std::ranges::find(arrays, name, &StoredArray::name);
  if (found != arrays.end()) return std::move(*found);
  std::vector<std::string> names;
  for (const StoredArray& array : arrays) names.push_back(array.name());
  fail<InvalidArgument>("labels", "'{}' has no array '{}'. It has: {}", path.string(), name,
                        fmt::join(names, ", "));
}

int64_t class_from(const std::string& line, const std::filesystem::path& path) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc{} || end != line.data() + line.size())
    fail<DataError>("labels", "'{}' has the line '{}'. It takes the number of a class a line",
                    path.string(), line);
  return value;
}

}  // namespace

bool has_labels(const std::filesystem::path& path, const std::string& array) {
  if (path.extension() != ".npz") return true;
  return std::ranges::any_of(list_arrays(path),
                             [&](const StoredArray& a) { return a.name() == array; });
}

std::vector<int64_t> read_class_labels(const std::filesystem::path& path,
                                       const std::string& array) {
  std::vector<int64_t> labels;
  if (path.extension() == ".txt") {
    for (const std::string& line : read_lines(path)) labels.push_back(class_from(line, path));
    return labels;
  }
  const StoredArray stored = array_of(path, array);
  stored.require_type();
  for (float value : to_floats(stored.whole())) {
    if (value != std::floor(value))
      fail<DataError>("labels", "{} holds {}. Labels are whole numbers", stored.label(), value);
    labels.push_back(static_cast<int64_t>(value));
  }
  return labels;
}

std::vector<std::string> read_text_labels(const std::filesystem::path& path,
                                          const std::string& array) {
  return path.extension() == ".txt" ? read_lines(path) : array_of(path, array).texts();
}

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  const std::string text = read_whole_file(path);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    if (lines.back().ends_with('\r')) lines.back().pop_back();
    begin = end + 1;
  }
  return lines;
}

}  // namespace eightbit
