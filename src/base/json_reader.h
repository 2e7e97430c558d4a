// Reading JSON that somebody may have edited: every error names the entry, what it is and what it
// takes.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace eightbit {

// A value of the file and the way to it, such as "quantizers[3].low".
class JsonEntry {
 public:
  using Json = nlohmann::ordered_json;

  JsonEntry(const Json& json, std::string_view where, std::string path = "")
      : json_(json), where_(where), path_(std::move(path)) {}

  const Json& json() const { return json_; }
  const std::string& path() const { return path_; }
  bool has(const char* key) const { return object().contains(key); }
  JsonEntry operator[](const char* key) const;  // throws where it is missing
  std::vector<JsonEntry> items() const;
  void allow_only(std::initializer_list<std::string_view> keys) const;

  std::string text() const;
  bool flag() const;
  int64_t whole(int64_t least, int64_t most) const;
  float number() const;  // finite
  std::vector<float> numbers() const;
  std::vector<std::string> texts() const;

  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail<InvalidArgument>(where_, "{} {}", path_.empty() ? "the file" : path_,
                          fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  const Json& object() const;
  [[noreturn]] void wrong_type(std::string_view wanted) const;

  const Json& json_;
  std::string_view where_;
  std::string path_;
};

}  // namespace eightbit
