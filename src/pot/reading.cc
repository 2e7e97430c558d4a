#include "pot/reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/nearest.h"
#include "data/path_text.h"

namespace eightbit::pot {

std::optional<JsonEntry> find(const JsonEntry& entry, const char* key) {
  if (!entry.has(key)) return std::nullopt;
  JsonEntry found = entry[key];
  if (found.json().is_null()) return std::nullopt;
  return found;
}

bool truth(const JsonEntry& entry) {
  const auto& json = entry.json();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer() && (json == 0 || json == 1)) return json == 1;
  return choice(entry, std::map<std::string, bool, std::less<>>{
                           {"true", true}, {"True", true}, {"false", false}, {"False", false}});
}

double real(const JsonEntry& entry) {
  const auto& json = entry.json();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) {
    const std::string text = json.get<std::string>();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
  }
  entry.refuse("is {}. It takes a number", json.dump());
}

std::vector<double> reals(const JsonEntry& entry) {
  std::vector<double> values;
  if (!entry.json().is_array()) return {real(entry)};
  for (const JsonEntry& item : entry.items()) values.push_back(real(item));
  return values;
}

std::vector<std::string> unknown_keys(const JsonEntry& entry, std::span<const std::string> known) {
  std::vector<std::string> notes;
  if (!entry.json().is_object()) entry.refuse("is {}. It takes an object", entry.json().dump());
  for (const auto& [key, value] : entry.json().items())
    if (std::ranges::find(known, key) == known.end())
      notes.push_back(fmt::format("{}{}{}: there is no such key.{}", entry.path(),
                                  entry.path().empty() ? "" : ".", key, suggestion(key, known)));
  return notes;
}

void only(const JsonEntry& entry, const std::vector<std::string>& known) {
  for (const std::string& note : unknown_keys(entry, known))
    fail<InvalidArgument>(kWhere, "{}", note);
}

std::filesystem::path path_in(const JsonEntry& entry) {
  const std::string text = entry.text();
  if (text.size() > 2 && text.front() == '<' && text.back() == '>')
    entry.refuse("is the placeholder {}. Put the path there", text);
  return path_from_text(text);
}

}  // namespace eightbit::pot
