#include "search/reversal_search.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace eightbit::search {
namespace {

std::vector<int> head(int count) {
  std::vector<int> groups(static_cast<size_t>(count));
  std::iota(groups.begin(), groups.end(), 0);
  return groups;
}

class Search {
 public:
  Search(const SearchLimits& limits, const Measure& measure, const Foresight& foresight)
      : limits_(limits), measure_(measure), foresight_(foresight) {}

  std::optional<Reversal> run() {
    bisect();
    if (best_) put_back();
    return std::move(best_);
  }

 private:
  // Nothing: stop.
  std::optional<bool> meets_goal(std::vector<int> reverted) {
    auto known = drops_.find(reverted);
    if (known == drops_.end()) {
      if (foresight_.prepare) foresight_.prepare(next_ones());
      const auto measured = measure_(reverted);
      if (!measured) return std::nullopt;
      known = drops_.emplace(reverted, *measured).first;
    }
    const double drop = known->second;
    const bool met = drop <= limits_.max_drop;
    if (met && (!best_ || reverted.size() < best_->reverted.size()))
      best_ = Reversal{std::move(reverted), drop};
    return met;
  }

  // What this search measures next, and then, as it comes out one way or the other: it is run again
  // over what is known and what is supposed. That a reversal is not enough is supposed first.
  std::vector<std::vector<int>> next_ones() const {
    std::vector<std::vector<int>> out;
    std::deque<std::map<std::vector<int>, double>> worlds = {drops_};
    while (!worlds.empty() && std::ssize(out) < foresight_.ahead) {
      std::map<std::vector<int>, double> world = std::move(worlds.front());
      worlds.pop_front();
      std::optional<std::vector<int>> wanted;
      const Measure supposed = [&](const std::vector<int>& reverted) -> std::optional<double> {
        if (const auto known = world.find(reverted); known != world.end()) return known->second;
        if (!wanted) wanted = reverted;  // it asks once more before it ends
        return std::nullopt;
      };
      const Foresight none;
      Search(limits_, supposed, none).run();
      if (!wanted) continue;
      if (std::ranges::find(out, *wanted) == out.end()) out.push_back(*wanted);
      for (const double drop : {std::numeric_limits<double>::infinity(), limits_.max_drop}) {
        world[*wanted] = drop;
        worlds.push_back(world);
      }
    }
    return out;
  }

  // `failed` groups are too few, `met` are enough.
  void bisect() {
    int failed = 0, met = limits_.groups + 1,
        count = std::clamp(limits_.first_guess, 1, limits_.groups);
    while (failed + 1 < met) {
      const auto result = meets_goal(head(count));
      if (!result) return;
      (*result ? met : failed) = count;
      count = met > limits_.groups ? std::min(limits_.groups, 2 * failed) : (failed + met) / 2;
      if (failed == limits_.groups) return;
    }
  }

  void put_back() {
    int left = limits_.put_back_trials;
    for (auto size = std::max<size_t>(1, best_->reverted.size() / 4);; size /= 2) {
      const std::vector<int> reverted = best_->reverted;
      for (size_t end = reverted.size(); end > 0; end -= std::min(size, end)) {
        const std::vector<int> piece(
            reverted.begin() + static_cast<std::ptrdiff_t>(end - std::min(size, end)),
            reverted.begin() + static_cast<std::ptrdiff_t>(end));
        if (piece.size() == best_->reverted.size()) continue;  // all of them: has failed before
        if (left-- <= 0 || !meets_goal(without(best_->reverted, piece))) return;
      }
      if (size <= 1) return;
    }
  }

  static std::vector<int> without(const std::vector<int>& all, const std::vector<int>& piece) {
    std::vector<int> rest;
    std::ranges::set_difference(all, piece, std::back_inserter(rest));
    return rest;
  }

  const SearchLimits& limits_;
  const Measure& measure_;
  const Foresight& foresight_;
  std::map<std::vector<int>, double> drops_;
  std::optional<Reversal> best_;
};

}  // namespace

std::optional<Reversal> find_reversal(const SearchLimits& limits, const Measure& measure,
                                      const Foresight& foresight) {
  if (limits.groups == 0) return std::nullopt;
  return Search(limits, measure, foresight).run();
}

int first_guess(const std::vector<double>& ranked_shares, double drop, double max_drop) {
  const double wanted = drop > 0 ? max_drop / drop : 1;
  double left = 1;
  int count = 0;
  for (double share : ranked_shares) {
    if (std::sqrt(std::max(left, 0.0)) <= wanted) break;
    left -= share;
    ++count;
  }
  return std::max(count, 1);
}

}  // namespace eightbit::search
