// Finds few groups whose reversal meets a goal, with few measurements.
//
// Groups are ranked, most suspicious first. The shortest beginning of the ranking that meets the
// goal is searched for by bisection, from a guess on; then parts of it are put back, in ever
// smaller pieces from its least suspicious end. A metric over a few hundred items is not quite
// monotonic in this, so the result is a good one and not the best.
#pragma once

#include <functional>
#include <optional>
#include <vector>

namespace eightbit::search {

// The drop with these groups in float (numbers in rank order, sorted); nothing where time or trials
// have run out.
using Measure = std::function<std::optional<double>(const std::vector<int>& reverted)>;

struct Reversal {
  std::vector<int> reverted;
  double drop = 0;
};

struct SearchLimits {
  int groups = 0;
  double max_drop = 0;
  int first_guess = 1;       // groups to revert, 1 to `groups`
  int put_back_trials = 16;  // measurements in which groups are put back
};

// Told what will be measured next, before it is: that first, then what the search may want after
// it, depending on how it comes out; `ahead` reversals in all, as far as there are so many.
struct Foresight {
  int ahead = 1;
  std::function<void(const std::vector<std::vector<int>>& reversals)> prepare;
};

// The reversal that meets the goal with the fewest groups, of those that were measured; else
// nothing.
std::optional<Reversal> find_reversal(const SearchLimits& limits, const Measure& measure,
                                      const Foresight& foresight = {});

// How many groups at the head of the ranking to revert first. Errors of the metric follow the
// noise's amplitude, so that reverting shares of its energy that sum up to r leaves sqrt(1 - r) of
// the drop.
int first_guess(const std::vector<double>& ranked_shares, double drop, double max_drop);

}  // namespace eightbit::search
