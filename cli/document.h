// Configuration files that people write: JSON with comments and trailing commas, or YAML.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace eightbit::cli {

class Document {
 public:
  // Throws FileError for a file that cannot be read, InvalidArgument with the line for text that
  // is neither.
  explicit Document(const std::filesystem::path& path);

  const std::string& json() const { return json_; }  // the content as strict JSON
  // " (config.json:12)" for an error that begins with the way to a value, as in
  // "[pot] engine.type is ..."; "" where the file has no such value.
  std::string place(const std::string& error) const;

 private:
  std::filesystem::path path_;
  std::string json_;
  std::map<std::string, int> lines_;  // of values by their way, from 1
};

}  // namespace eightbit::cli
