// What a run has found out so far, in a file that is only added to: a run that is killed and
// started again asks it before it works, and comes to the same result.
//
// Entries are a key, which says what was asked and of what, and JSON. Each has a length and a
// checksum, so that what a killed run left half-written at the end is seen, and dropped.
// File: "8BITJRNL", then entries; the first one says what the journal is about.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

class Journal {
 public:
  using Json = nlohmann::ordered_json;

  Journal() = default;  // remembers what is added, until it is gone
  // `path` empty: the same. `about`: what must be the same for a run to go on from it. Throws
  // InvalidArgument where the file is about something else, FileError.
  Journal(std::filesystem::path path, const Json& about);

  bool kept() const { return !path_.empty(); }
  bool has(const std::string& key) const { return entries_.contains(key); }
  std::optional<Json> find(const std::string& key) const;
  // Where the key is there already, nothing.
  void add(const std::string& key, const Json& value);
  // One more fact that must be the same. Throws InvalidArgument.
  void require(const std::string& name, const Json& value);

  // What an earlier run has found, or what `work` finds now.
  Json remembered(const std::string& key, const std::function<Json()>& work);

 private:
  void read();
  void append(const std::string& key, const std::string& value);
  [[noreturn]] void refuse() const;

  std::filesystem::path path_;
  std::map<std::string, std::string> entries_;
};

// The journal that goes with a checkpoint.
std::filesystem::path journal_path(const std::filesystem::path& checkpoint);
// Doubles as they are, infinite ones too.
Journal::Json exact(double value);
double exact(const Journal::Json& value);
Journal::Json exact(const std::vector<double>& values);
std::vector<double> exact_list(const Journal::Json& values);
// 16 hexadecimal digits of what a key is about.
std::string digest(std::string_view text);

}  // namespace eightbit
