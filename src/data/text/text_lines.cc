#include "data/text/text_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/file_set.h"
#include "data/path_text.h"

namespace eightbit {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (is_text(entry->path()) && entry->is_regular_file()) found.push_back(entry->path());
  if (error)
    fail<DataError>("open_texts", "folder '{}' cannot be read: {}", path_text(folder),
                    error.message());
  std::ranges::sort(found);
  return found;
}

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\f\v") == std::string::npos;
}

// nlohmann's writer refuses what is no UTF-8.
void check_utf8(const std::string& line, const std::string& place) {
  try {
    (void)Json(line).dump();
  } catch (const Json::exception&) {
    fail<DataError>("open_texts", "{} is not UTF-8. Convert the file", place);
  }
}

std::vector<std::string> values_of(const std::string& line, const std::vector<std::string>& fields,
                                   const std::string& place) {
  const Json entry = Json::parse(line, nullptr, false);
  if (entry.is_discarded())
    fail<DataError>("open_texts", "{} is no JSON. Write an object a line", place);
  std::vector<std::string> texts;
  for (const std::string& field : fields) {
    if (!entry.is_object() || !entry.contains(field)) {
      std::string known = entry.is_object() ? "" : entry.type_name();
      if (entry.is_object())
        for (const auto& [key, value] : entry.items()) known += (known.empty() ? "" : ", ") + key;
      fail<DataError>("open_texts", "{} has no '{}'. It has: {}. Name the key of the text", place,
                      field, known);
    }
    const Json& value = entry[field];
    if (!value.is_string())
      fail<DataError>("open_texts", "{}: '{}' is a {}. It must be a text", place, field,
                      value.type_name());
    texts.push_back(value.get<std::string>());
  }
  return texts;
}

}  // namespace

TextFiles find_texts(const std::string& source) {
  const fs::path path = path_from_text(source);
  std::error_code error;
  TextFiles files;
  if (fs::is_directory(path, error))
    files.paths = files_below(path);
  else if (fs::is_regular_file(path, error))
    files.paths = {path};
  else if (source.find_first_of("*?[") != std::string::npos)
    files.paths = expand_glob(source);
  if (files.paths.empty())
    fail<DataError>("open_texts", "'{}' has no .txt and no .jsonl file. Check the path", source);
  for (const fs::path& file : files.paths)
    files.names.push_back(
        path_text(fs::is_directory(path, error) ? file.lexically_relative(path) : file.filename()));
  return files;
}

std::string TextLines::place() const {
  return fmt::format("'{}' line {}", files_.names[opened_ - 1], line_);
}

std::optional<std::string> TextLines::next_line() {
  std::string line;
  while (!stream_.is_open() || !std::getline(stream_, line)) {
    if (opened_ == files_.paths.size()) return std::nullopt;
    stream_ = std::ifstream(files_.paths[opened_], std::ios::binary);
    if (!stream_)
      fail<FileError>("open_texts", "'{}' cannot be read. Check its permissions",
                      files_.names[opened_]);
    ++opened_;
    line_ = 0;
  }
  if (++line_ == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);  // of some editors
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::optional<PlacedText> TextLines::next() {
  std::optional<std::string> line;
  do line = next_line();
  while (line && is_blank(*line));
  if (!line) return std::nullopt;
  check_utf8(*line, place());
  if (extension(files_.paths[opened_ - 1]) != ".jsonl") return PlacedText{{*line}, place()};
  return PlacedText{values_of(*line, fields_, place()), place()};
}

}  // namespace eightbit
