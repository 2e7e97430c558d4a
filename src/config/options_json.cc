// Options as JSON: objects nest as the structs do, null and a missing key leave the default.
#include <eightbit/option_fields.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostBytes = 16u << 20;

template <typename T>
Json write(const T& value);

template <typename T>
Json write(const std::optional<T>& value) {
  return value ? write(*value) : Json(nullptr);
}

template <typename T>
Json write(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(write(value));
  return list;
}

template <typename T>
Json write(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return to_string(value);
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else {
    Json object = Json::object();
    each_field(Of<T>(), [&](const char* key, auto member) { object[key] = write(value.*member); });
    return object;
  }
}

[[noreturn]] void wrong_type(const std::string& path, const Json& json, std::string_view wanted) {
  fail<InvalidArgument>(
      "options", "{} is {}. It takes {}", path.empty() ? "the configuration" : path,
      json.is_object() || json.is_array() ? std::string(json.type_name()) : json.dump(), wanted);
}

template <typename T>
void read(const Json& json, const std::string& path, T& value);

template <typename T>
void read(const Json& json, const std::string& path, std::optional<T>& value) {
  if (json.is_null()) {
    value.reset();
    return;
  }
  T inner = value.value_or(T{});
  read(json, path, inner);
  value = std::move(inner);
}

template <typename T>
void read(const Json& json, const std::string& path, std::vector<T>& values) {
  if (!json.is_array()) wrong_type(path, json, "a list");
  values.clear();
  for (const Json& item : json) {
    T value{};
    read(item, fmt::format("{}[{}]", path, values.size()), value);
    values.push_back(std::move(value));
  }
}

template <typename T>
void read_object(const Json& json, const std::string& path, T& value) {
  if (!json.is_object()) wrong_type(path, json, "an object");
  std::vector<std::string> known;
  each_field(Of<T>(), [&](const char* key, auto member) {
    known.emplace_back(key);
    const auto found = json.find(key);
    if (found != json.end()) read(*found, path.empty() ? key : path + "." + key, value.*member);
  });
  for (const auto& [key, item] : json.items())
    if (std::ranges::find(known, key) == known.end())
      fail<InvalidArgument>("options", "there is no option '{}'{}.{} Allowed: {}", key,
                            path.empty() ? "" : " in " + path, suggestion(key, known),
                            fmt::join(known, ", "));
}

template <typename T>
void read_integer(const Json& json, const std::string& path, T& value) {
  if (!json.is_number_integer()) wrong_type(path, json, "a whole number");
  const bool too_large = json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX};
  const int64_t number = too_large ? 0 : json.get<int64_t>();
  value = static_cast<T>(number);
  if (too_large || value != number) wrong_type(path, json, "a smaller number");
}

template <typename T>
void read(const Json& json, const std::string& path, T& value) {
  if constexpr (std::is_enum_v<T>) {
    if (!json.is_string()) wrong_type(path, json, "a name");
    value = parse<T>(json.get_ref<const std::string&>());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) wrong_type(path, json, "true or false");
    value = json.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    read_integer(json, path, value);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number()) wrong_type(path, json, "a number");
    value = json.get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) wrong_type(path, json, "a text");
    value = json.get<std::string>();
  } else {
    read_object(json, path, value);
  }
}

}  // namespace

std::string to_json(const QuantizeOptions& options) { return write(options).dump(2); }

QuantizeOptions options_from_json(std::string_view json) {
  if (json.size() > kMostBytes)
    fail<InvalidArgument>("options", "the configuration has {} bytes. At most {} are read",
                          json.size(), kMostBytes);
  QuantizeOptions options;
  try {
    read(Json::parse(json), "", options);
  } catch (const nlohmann::json::exception& e) {
    fail<InvalidArgument>("options", "the configuration is no valid JSON: {}. Correct it there",
                          e.what());
  }
  return options;
}

}  // namespace eightbit
