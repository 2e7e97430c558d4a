#include <algorithm>

#include "data/file_set.h"
#include "data/path_text.h"

namespace eightbit {
namespace {

namespace fs = std::filesystem;

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

// The set [..] at the head of `pattern` against `c`; takes it off. A '[' without an end stands for
// itself.
bool match_set(std::string_view& pattern, char c) {
  const size_t end = pattern.find(']', 2);
  if (end == std::string_view::npos) {
    pattern.remove_prefix(1);
    return c == '[';
  }
  std::string_view set = pattern.substr(1, end - 1);
  pattern.remove_prefix(end + 1);
  const bool negated = set.starts_with('!');
  if (negated) set.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < set.size(); ++i) {
    const bool range = i + 2 < set.size() && set[i + 1] == '-';
    found |= range ? set[i] <= c && c <= set[i + 2] : set[i] == c;
    if (range) i += 2;
  }
  return found != negated;
}

// Linear in practice: on a mismatch it goes back to the last '*' only.
bool match(std::string_view pattern, std::string_view text) {
  std::string_view retry_pattern, retry_text;
  bool star = false;
  while (!text.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      retry_pattern = pattern, retry_text = text, star = true;
      continue;
    }
    bool same = false;
    if (pattern.starts_with('[')) {
      same = match_set(pattern, text.front());
    } else if (!pattern.empty()) {
      same = pattern.front() == '?' || pattern.front() == text.front();
      pattern.remove_prefix(1);
    }
    if (same) {
      text.remove_prefix(1);
    } else if (star) {
      retry_text.remove_prefix(1);
      pattern = retry_pattern, text = retry_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

std::vector<fs::path> matching_entries(const fs::path& folder, std::string_view pattern) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder.empty() ? fs::path(".") : folder, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = path_text(entry->path().filename());
    if (name.starts_with('.') && !pattern.starts_with('.')) continue;
    if (match(pattern, name)) found.push_back(folder / entry->path().filename());
  }
  return found;
}

}  // namespace

std::vector<fs::path> expand_glob(std::string_view pattern) {
  const fs::path whole = path_from_text(pattern);
  std::vector<fs::path> found = {whole.root_path()};
  for (const fs::path& part : whole.relative_path()) {
    const std::string text = path_text(part);
    std::vector<fs::path> next;
    for (const fs::path& folder : found) {
      if (!has_wildcard(text)) {
        next.push_back(folder / part);
        continue;
      }
      const auto entries = matching_entries(folder, text);
      next.insert(next.end(), entries.begin(), entries.end());
    }
    found = std::move(next);
  }
  std::error_code error;
  std::erase_if(found, [&](const fs::path& path) { return !fs::exists(path, error); });
  std::ranges::sort(found);
  return found;
}

}  // namespace eightbit
