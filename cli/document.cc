#include "document.h"

#include <eightbit/error.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace eightbit::cli {
namespace {

using Json = nlohmann::ordered_json;

// JSON without comments and tabs is YAML. What goes leaves spaces, so that lines stay where they
// are.
class Uncommented {
 public:
  explicit Uncommented(std::string text) : text_(std::move(text)) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (text_[at_] == '"')
        skip_string();
      else if (starts("//"))
        blank_until("\n", 0);
      else if (starts("/*"))
        blank_until("*/", 2);
      else if (text_[at_] == '\t')
        text_[at_++] = ' ';
      else
        ++at_;
    }
    return std::move(text_);
  }

 private:
  bool starts(const char* what) const { return text_.compare(at_, 2, what) == 0; }

  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
  }

  void blank_until(const char* end, size_t more) {
    const size_t found = text_.find(end, at_);
    const size_t stop = found == std::string::npos ? text_.size() : found + more;
    for (; at_ < stop; ++at_)
      if (text_[at_] != '\n') text_[at_] = ' ';
  }

  std::string text_;
  size_t at_ = 0;
};

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // it was in quotes
  if (bool flag = false; YAML::convert<bool>::decode(node, flag)) return flag;
  if (int64_t whole = 0; YAML::convert<int64_t>::decode(node, whole)) return whole;
  if (double real = 0; text.find_first_of("0123456789") != std::string::npos &&
                       YAML::convert<double>::decode(node, real))
    return real;
  return text;
}

// Values, and the line of each by its way from the root.
Json converted(const YAML::Node& node, const std::string& way, std::map<std::string, int>& lines) {
  lines[way] = node.Mark().line + 1;
  switch (node.Type()) {
    case YAML::NodeType::Map: {
      Json out = Json::object();
      for (const auto& pair : node) {
        const std::string key = pair.first.Scalar();
        const std::string inner = way.empty() ? key : way + "." + key;
        out[key] = converted(pair.second, inner, lines);
        lines[inner] = pair.first.Mark().line + 1;
      }
      return out;
    }
    case YAML::NodeType::Sequence: {
      Json out = Json::array();
      for (const auto& item : node)
        out.push_back(converted(item, fmt::format("{}[{}]", way, out.size()), lines));
      return out;
    }
    case YAML::NodeType::Scalar:
      return scalar(node);
    default:
      return nullptr;
  }
}

bool is_yaml(const std::filesystem::path& path) {
  return path.extension() == ".yml" || path.extension() == ".yaml";
}

}  // namespace

Document::Document(const std::filesystem::path& path) : path_(path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  if (!stream.good() && text.empty())
    throw FileError(fmt::format("[config] '{}' cannot be read, or is empty", path.string()));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  try {
    const YAML::Node root = YAML::Load(is_yaml(path) ? text : Uncommented(std::move(text)).run());
    json_ = converted(root, "", lines_).dump();
  } catch (const YAML::Exception& error) {
    throw InvalidArgument(
        fmt::format("[config] '{}' line {}: {}. Write JSON (comments are fine) or YAML",
                    path.string(), error.mark.line + 1, error.msg));
  } catch (const nlohmann::json::exception&) {
    throw InvalidArgument(fmt::format("[config] '{}' is no UTF-8 text. Save it so", path.string()));
  }
}

std::string Document::place(const std::string& error) const {
  const size_t from = error.find("] ");
  if (from == std::string::npos) return "";
  const size_t end = error.find_first_of(": ", from + 2);
  std::string way = error.substr(from + 2, end == std::string::npos ? end : end - from - 2);
  while (!way.empty()) {
    if (const auto found = lines_.find(way); found != lines_.end())
      return fmt::format(" ({}:{})", path_.filename().string(), found->second);
    const size_t cut = way.find_last_of(".[");
    way.resize(cut == std::string::npos ? 0 : cut);
  }
  return "";
}

}  // namespace eightbit::cli
