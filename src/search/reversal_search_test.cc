#include "search/reversal_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace eightbit::search {
namespace {

using testing::ElementsAre;
using testing::Le;

// The drop is the sum of what each group that is not reverted costs.
class Costs {
 public:
  explicit Costs(std::vector<double> costs) : costs_(std::move(costs)) {}
  Measure measure() {
    return [this](const std::vector<int>& reverted) -> std::optional<double> {
      if (measured == budget) return std::nullopt;
      ++measured;
      EXPECT_TRUE(seen_.insert(reverted).second) << "measured twice";
      double drop = 0;
      for (double cost : costs_) drop += cost;
      for (int group : reverted) drop -= costs_[static_cast<size_t>(group)];
      return drop;
    };
  }
  int measured = 0, budget = 1000;

 private:
  std::vector<double> costs_;
  std::set<std::vector<int>> seen_;
};

SearchLimits limits(int groups, double max_drop, int first_guess = 1) {
  return {groups, max_drop, first_guess};
}

TEST(ReversalSearch, FindsTheShortestBeginningOfAGoodRanking) {
  Costs costs({8, 7, 6, 5, 4, 3, 2, 1});
  const auto found = find_reversal(limits(8, 10.5), costs.measure());
  ASSERT_TRUE(found);
  EXPECT_THAT(found->reverted, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(found->drop, 10);
}

TEST(ReversalSearch, AGoodGuessSavesMeasurements) {
  std::vector<double> many;
  for (int i = 0; i < 200; ++i) many.push_back(200 - i);
  Costs with(many), without(many);
  const double goal = 1000;
  auto few = limits(200, goal, 155), plain = limits(200, goal);
  few.put_back_trials = plain.put_back_trials = 0;
  EXPECT_EQ(find_reversal(few, with.measure())->reverted,
            find_reversal(plain, without.measure())->reverted);
  EXPECT_LT(with.measured, without.measured);
  EXPECT_THAT(without.measured, Le(17));
}

TEST(ReversalSearch, PutsBackWhatWasSuspectedWrongly) {
  Costs costs({0, 0, 0, 9, 0, 0, 0, 0});
  const auto found = find_reversal(limits(8, 1), costs.measure());
  ASSERT_TRUE(found);
  EXPECT_THAT(found->reverted, ElementsAre(3));
}

TEST(ReversalSearch, RevertsEverythingWhereNothingLessWillDo) {
  Costs costs({1, 1, 1, 1, 1});
  const auto found = find_reversal(limits(5, 0.5), costs.measure());
  ASSERT_TRUE(found);
  EXPECT_THAT(found->reverted, ElementsAre(0, 1, 2, 3, 4));
}

TEST(ReversalSearch, SaysSoWhereEverythingIsNotEnough) {
  int measured = 0;
  const auto found = find_reversal(
      limits(5, 0.5), [&](const std::vector<int>&) { return ++measured, std::optional(1.0); });
  EXPECT_FALSE(found);
  EXPECT_EQ(measured, 4);  // 1, 2, 4 and 5 groups
}

TEST(ReversalSearch, AnEarlyEndYieldsTheBestSoFar) {
  Costs costs({8, 7, 6, 5, 4, 3, 2, 1});
  costs.budget = 1;
  const auto found = find_reversal(limits(8, 10.5, 6), costs.measure());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->reverted.size(), 6u);
  costs.budget = costs.measured;
  EXPECT_FALSE(find_reversal(limits(8, 10.5, 1), costs.measure()));
}

// What is measured has been prepared, and what is prepared early saves rounds.
TEST(ReversalSearch, ForeseesWhatItMeasures) {
  const std::vector<double> drops = {8, 1, 7, 0.1, 6, 5, 0, 4, 3, 9, 2, 1};
  Costs alone(drops);
  const auto found = find_reversal(limits(12, 10.5, 4), alone.measure());
  int last = alone.measured;
  for (const int ahead : {1, 2, 3, 8}) {
    Costs costs(drops);
    std::set<std::vector<int>> ready;
    int rounds = 0;
    const Foresight foresight{ahead, [&](const std::vector<std::vector<int>>& reversals) {
                                ASSERT_FALSE(reversals.empty());
                                EXPECT_LE(std::ssize(reversals), ahead);
                                if (ready.contains(reversals.front())) return;
                                ++rounds;
                                ready.insert(reversals.begin(), reversals.end());
                              }};
    const Measure measure = costs.measure();
    const auto same = find_reversal(
        limits(12, 10.5, 4),
        [&](const std::vector<int>& reverted) {
          EXPECT_TRUE(ready.contains(reverted));
          return measure(reverted);
        },
        foresight);
    EXPECT_EQ(same->reverted, found->reverted);
    EXPECT_EQ(costs.measured, alone.measured);
    EXPECT_LE(rounds, last - (ahead > 1));
    if (ahead == 1) EXPECT_EQ(rounds, alone.measured);
    last = rounds;
  }
  EXPECT_LT(2 * last, alone.measured);
}

TEST(ReversalSearch, ThereMayBeNoGroups) {
  EXPECT_FALSE(
      find_reversal(limits(0, 1), [](const std::vector<int>&) { return std::optional(0.0); }));
}

TEST(ReversalSearch, TheGuessFollowsTheAmplitudeOfTheNoise) {
  // a quarter of the energy is half of the amplitude
  EXPECT_EQ(first_guess({0.5, 0.25, 0.2, 0.05}, 0.2, 0.1), 2);
  EXPECT_EQ(first_guess({0.5, 0.25, 0.2, 0.05}, 0.2, 0.19), 1);
  EXPECT_EQ(first_guess({0, 0}, 0.2, 0.0), 2);
}

}  // namespace
}  // namespace eightbit::search
