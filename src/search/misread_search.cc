#include "search/misread_search.h"

#include <algorithm>

namespace eightbit::search {
namespace {

constexpr double kApart = 1.26;      // 1 dB, in energy
constexpr double kFelt = 0.1;        // share of the difference that one of several groups makes
constexpr double kWorthwhile = 0.5;  // share of it that must be gone at the end

double difference(const Readings& readings) { return readings.done - readings.said; }

class MisreadSearch {
 public:
  MisreadSearch(int groups, const Readings& all, const Read& read)
      : groups_(groups), read_(read), now_(all), difference_(difference(all)) {}

  std::optional<Misread> run(int most) {
    std::optional<Misread> best;
    while (static_cast<int>(found_.size()) < most && is_misread(now_)) {
      const std::optional<int> group = first();
      if (!group || std::ranges::find(found_, *group) != found_.end()) break;
      found_.insert(std::ranges::lower_bound(found_, *group), *group);
      const std::optional<Readings> readings = read_(found_);
      if (!readings) break;
      now_ = *readings;
      if (difference(now_) <= kWorthwhile * difference_ &&
          (!best || difference(now_) < difference(best->readings)))
        best = Misread{found_, now_};
    }
    return best;
  }

 private:
  // The group that ends the shortest beginning of the network that is misread.
  std::optional<int> first() const {
    int sound = 0, misread = groups_;
    while (misread - sound > 1) {
      const int middle = sound + (misread - sound) / 2;
      const std::optional<Readings> readings = read_(beyond(middle));
      if (!readings) return std::nullopt;
      const bool felt = is_misread(*readings) && difference(*readings) >= kFelt * difference(now_);
      (felt ? misread : sound) = middle;
    }
    return misread - 1;
  }

  // Those found, and all from `first` on.
  std::vector<int> beyond(int first) const {
    std::vector<int> out;
    for (int group : found_)
      if (group < first) out.push_back(group);
    for (int group = first; group < groups_; ++group) out.push_back(group);
    return out;
  }

  int groups_;
  const Read& read_;
  Readings now_;
  double difference_;
  std::vector<int> found_;
};

}  // namespace

bool is_misread(const Readings& readings) { return readings.done > kApart * readings.said; }

std::optional<Misread> find_misread(int groups, const Readings& all, int most, const Read& read) {
  return MisreadSearch(groups, all, read).run(most);
}

}  // namespace eightbit::search
