#include "records/settling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace eightbit::records {
namespace {

using testing::SizeIs;

StatisticsData one_point() {
  return {"model", "data", {{"x", Tap{0, kNone, 1, kMinMax, false, {}}}}};
}

bool settled_with(Settling& settling, std::vector<float> snapshot) {
  settling.add(settling.samples() + 16, std::move(snapshot));
  return settling.settled();
}

TEST(Settling, LooksAtEverLargerStepsWhereverItBegins) {
  EXPECT_EQ(Settling::next_after(0), Settling::kFirst);
  EXPECT_EQ(Settling::next_after(20), Settling::kFirst);
  int64_t last = Settling::kFirst;
  for (int64_t n = last; n < 5000; n = Settling::next_after(n)) {
    EXPECT_EQ(Settling::next_after(n), Settling::next_after(n + 1)) << n;
    EXPECT_GT(Settling::next_after(n), n);
    EXPECT_LE(Settling::next_after(n), n + n / 2);
    last = n;
  }
  EXPECT_GT(last, 3000);
}

TEST(Settling, SettlesWhereNothingMovesTwice) {
  Settling settling;
  EXPECT_FALSE(settled_with(settling, {-1, 1, 0}));
  EXPECT_FALSE(settled_with(settling, {-1, 1, 0.01f}));
  EXPECT_TRUE(settled_with(settling, {-1.01f, 1, 0}));
}

TEST(Settling, AnEndOrAMeanThatMovesUnsettles) {
  Settling settling;
  settling.add(16, {-1, 1, 0});
  settling.add(16, {-1, 1, 0});
  EXPECT_FALSE(settled_with(settling, {-1, 1.2f, 0}));
  EXPECT_EQ(settling.moving(), 1);
  EXPECT_FALSE(settled_with(settling, {-1, 1.2f, 0.1f}));
  EXPECT_FALSE(settled_with(settling, {-1, 1.2f, 0.1f}));
  EXPECT_TRUE(settled_with(settling, {-1, 1.2f, 0.1f}));
}

TEST(Settling, GoesOnFromItsState) {
  Settling settling;
  settling.add(16, {-1, 1, std::numeric_limits<float>::quiet_NaN()});
  settling.add(16, {-1, 1, 0});
  settling.add(16, {-1, 1, 0});
  Settling resumed = Settling::from(settling.state());
  EXPECT_EQ(settled_with(resumed, {-1, 1, 0}), settled_with(settling, {-1, 1, 0}));
  EXPECT_EQ(resumed.state(), settling.state());
  EXPECT_ANY_THROW(Settling::from("{}"));
}

TEST(Settling, APointThatNoSampleComputedDoesNotKeepItWaiting) {
  StatisticsData data = one_point();
  EXPECT_THAT(Settling::snapshot(data), SizeIs(3));
  for (float x : Settling::snapshot(data)) EXPECT_TRUE(std::isnan(x));
  Settling settling;
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(settled_with(settling, Settling::snapshot(data)));
  EXPECT_TRUE(settled_with(settling, Settling::snapshot(data)));
}

TEST(Settling, TheEndsOfAHistogramLeaveFewValuesOut) {
  StatisticsData data = one_point();
  data.add(0, std::vector<float>{-100, 100, 1});
  Histogram counts;
  counts.counts.assign(Histogram::kBins, 0);
  counts.counts[static_cast<size_t>(Histogram::bin(1))] = 100'000;
  counts.counts[static_cast<size_t>(Histogram::bin(-2))] = 100'000;
  counts.counts[static_cast<size_t>(Histogram::bin(100))] = 1;
  data.add_histograms({{counts}});
  const std::vector<float> snapshot = Settling::snapshot(data);
  EXPECT_NEAR(snapshot[0], -2, 0.1);
  EXPECT_LT(snapshot[1], 10);
}

}  // namespace
}  // namespace eightbit::records
