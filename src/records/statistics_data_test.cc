#include "records/statistics_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "records/unseen.h"

namespace eightbit::records {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// One value that every sample computes, one with two channels in a branch.
StatisticsData two_points() {
  Tap always{0, kNone, 1, kMinMax, false, {}}, sometimes{1, 1, 2, kMinMax, true, {}};
  return {"model", "data", {{"always", always}, {"sometimes", sometimes}}};
}

std::vector<float> taken(float x) { return {-x, x, 1, -x, -2 * x, x, 2 * x, 1}; }
std::vector<float> not_taken(float x) { return {-x, x, 1, 0, 0, 0, 0, kUnseen}; }

void expect_branch_of_samples_1_and_3(const StatisticsData& data) {
  EXPECT_EQ(data.samples(), 4);
  EXPECT_EQ(data.rows(0).size(), 4u);
  ASSERT_EQ(data.rows(1).size(), 2u);
  EXPECT_EQ(data.rows(1)[0].min, -2);
  EXPECT_EQ(data.rows(1)[1].max, 6);
  EXPECT_THAT(data.seen(1), ElementsAre(1, 3));
  EXPECT_THAT(data.kept_channels(1, 3), ElementsAre(-3, -6, 3, 6));
  EXPECT_EQ(data.fold(1).count, 2);
  EXPECT_THAT(data.fold(1).min, ElementsAre(-3, -6));
}

TEST(StatisticsData, LeavesOutWhatASampleDidNotCompute) {
  StatisticsData data = two_points();
  data.add(0, not_taken(5));
  data.add(1, taken(1));
  data.add(2, not_taken(7));
  data.add(3, taken(3));
  expect_branch_of_samples_1_and_3(data);
}

TEST(StatisticsData, MergesShardsThatTookDifferentBranches) {
  StatisticsData even = two_points(), odd = two_points();
  even.add(0, not_taken(5));
  even.add(2, not_taken(7));
  odd.add(3, taken(3));
  odd.add(1, taken(1));
  EXPECT_THAT(even.rows(1), IsEmpty());
  EXPECT_EQ(even.fold(1).count, 0);
  even.merge(odd);
  expect_branch_of_samples_1_and_3(even);
}

}  // namespace
}  // namespace eightbit::records
