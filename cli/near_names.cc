#include "near_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace eightbit::cli {
namespace {

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  const std::string* best = nullptr;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : names) {
    const size_t distance =
        name.starts_with(word) && word.size() > 4 ? 1 : edit_distance(word, name);
    if (distance >= least) continue;
    least = distance;
    best = &name;
  }
  return best ? fmt::format(" Did you mean {}?", *best) : "";
}

}  // namespace eightbit::cli
