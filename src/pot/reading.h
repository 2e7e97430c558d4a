// Reading keys of a configuration: what each may be, and what is said where it is not.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"

namespace eightbit::pot {

inline constexpr std::string_view kWhere = "pot";

// `entry[key]`, or nothing where it is missing or null.
std::optional<JsonEntry> find(const JsonEntry& entry, const char* key);

// One of the names of `choices`.
template <typename Value>
Value choice(const JsonEntry& entry, const std::map<std::string, Value, std::less<>>& choices) {
  const std::string text = entry.json().is_string() ? entry.text() : entry.json().dump();
  if (const auto found = choices.find(text); found != choices.end()) return found->second;
  std::string allowed;
  for (const auto& [name, value] : choices) allowed += (allowed.empty() ? "" : ", ") + name;
  entry.refuse("is '{}'. It must be one of: {}", text, allowed);
}

// Booleans, and the numbers and words that YAML files have in their place.
bool truth(const JsonEntry& entry);
// A number, also where a text holds it; "inf" too.
double real(const JsonEntry& entry);
std::vector<double> reals(const JsonEntry& entry);  // one, or a list of them

// "engine.datasets[0].name: there is no such key. Did you mean ...?" for each key that is none of
// `known`.
std::vector<std::string> unknown_keys(const JsonEntry& entry, std::span<const std::string> known);

// Throws InvalidArgument for a key that is none of `known`.
void only(const JsonEntry& entry, const std::vector<std::string>& known);

// A path that somebody has filled in: a template's <MODEL_PATH> is refused.
std::filesystem::path path_in(const JsonEntry& entry);

}  // namespace eightbit::pot
