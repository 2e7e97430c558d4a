// Lines of .txt and .jsonl files, and where each stands.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace eightbit {

struct TextFiles {
  std::vector<std::filesystem::path> paths;
  std::vector<std::string> names;  // for messages and fingerprints
};

// Throws DataError where there are none.
TextFiles find_texts(const std::string& source);

struct PlacedText {
  std::vector<std::string> texts;  // one, or two of a pair
  std::string place;               // "'a.jsonl' line 3"
};

// One reading of them, front to back.
class TextLines {
 public:
  // `fields`: keys of .jsonl files, one or two.
  TextLines(const TextFiles& files, const std::vector<std::string>& fields)
      : files_(files), fields_(fields) {}

  // Nothing at the end. Throws DataError, FileError.
  std::optional<PlacedText> next();

 private:
  std::optional<std::string> next_line();
  std::string place() const;

  const TextFiles& files_;
  const std::vector<std::string>& fields_;
  std::ifstream stream_;
  size_t opened_ = 0;  // files
  int64_t line_ = 0;
};

}  // namespace eightbit
