#include "base/json_reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/nearest.h"

namespace eightbit {

void JsonEntry::wrong_type(std::string_view wanted) const {
  const bool container = json_.is_object() || json_.is_array();
  const std::string found =
      container ? std::string(json_.type_name())
                : json_.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 60);
  refuse("is {}. It takes {}", found, wanted);
}

const JsonEntry::Json& JsonEntry::object() const {
  if (!json_.is_object()) wrong_type("an object");
  return json_;
}

JsonEntry JsonEntry::operator[](const char* key) const {
  const auto found = object().find(key);
  if (found == json_.end()) refuse("has no '{}'. Add it, or write the file anew", key);
  return {*found, where_, path_.empty() ? key : path_ + "." + key};
}

std::vector<JsonEntry> JsonEntry::items() const {
  if (!json_.is_array()) wrong_type("a list");
  std::vector<JsonEntry> out;
  for (const Json& item : json_)
    out.emplace_back(item, where_, fmt::format("{}[{}]", path_, out.size()));
  return out;
}

void JsonEntry::allow_only(std::initializer_list<std::string_view> keys) const {
  const std::vector<std::string> known(keys.begin(), keys.end());
  for (const auto& [key, value] : object().items())
    if (std::ranges::find(known, key) == known.end())
      refuse("has the unknown key '{}'.{} Allowed: {}", key, suggestion(key, known),
             fmt::join(known, ", "));
}

std::string JsonEntry::text() const {
  if (!json_.is_string()) wrong_type("a text");
  return json_.get<std::string>();
}

bool JsonEntry::flag() const {
  if (!json_.is_boolean()) wrong_type("true or false");
  return json_.get<bool>();
}

int64_t JsonEntry::whole(int64_t least, int64_t most) const {
  const bool fits = json_.is_number_integer() &&
                    !(json_.is_number_unsigned() && json_.get<uint64_t>() > uint64_t{INT64_MAX});
  if (!fits || json_.get<int64_t>() < least || json_.get<int64_t>() > most)
    wrong_type(fmt::format("a whole number from {} to {}", least, most));
  return json_.get<int64_t>();
}

float JsonEntry::number() const {
  if (!json_.is_number() || !std::isfinite(json_.get<float>())) wrong_type("a finite number");
  return json_.get<float>();
}

std::vector<float> JsonEntry::numbers() const {
  if (!json_.is_array()) wrong_type("a list of numbers");
  std::vector<float> out;
  out.reserve(json_.size());
  for (const Json& item : json_) out.push_back(JsonEntry(item, where_, path_).number());
  return out;
}

std::vector<std::string> JsonEntry::texts() const {
  std::vector<std::string> out;
  for (const JsonEntry& item : items()) out.push_back(item.text());
  return out;
}

}  // namespace eightbit
