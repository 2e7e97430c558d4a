#include "base/nearest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace eightbit {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Levenshtein distance that gives up (returns limit + 1) once it must exceed `limit`.
size_t distance(const std::string& a, const std::string& b, size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0], best = row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t previous = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = previous;
      best = std::min(best, row[j]);
    }
    if (best > limit) return limit + 1;
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view text, std::span<const std::string> candidates,
                                 size_t limit) {
  const std::string wanted = lower(text);
  const size_t tolerance = std::max<size_t>(2, wanted.size() / 3);
  std::vector<std::pair<size_t, const std::string*>> scored;
  for (const std::string& candidate : candidates) {
    const std::string other = lower(candidate);
    const bool contains = wanted.size() >= 3 && (other.find(wanted) != std::string::npos);
    const size_t d = contains ? 1 : distance(wanted, other, tolerance);
    if (d <= tolerance) scored.emplace_back(d, &candidate);
  }
  std::ranges::stable_sort(scored, {}, [](const auto& s) { return s.first; });
  std::vector<std::string> out;
  for (size_t i = 0; i < scored.size() && out.size() < limit; ++i)
    if (std::ranges::find(out, *scored[i].second) == out.end()) out.push_back(*scored[i].second);
  return out;
}

std::string suggestion(std::string_view text, std::span<const std::string> candidates) {
  const auto names = nearest(text, candidates);
  return names.empty() ? "" : fmt::format(" Did you mean {}?", fmt::join(names, " or "));
}

}  // namespace eightbit
