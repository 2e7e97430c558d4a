#include "records/quantile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace eightbit::records {
namespace {

double quantile_of_values(std::vector<float> values, double p) { return quantile(values, p); }

TEST(Quantile, LiesBetweenNeighboursAsInNumpy) {
  EXPECT_DOUBLE_EQ(quantile_of_values({4, 1, 3, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(quantile_of_values({4, 1, 3, 2}, 1), 4);
  EXPECT_DOUBLE_EQ(quantile_of_values({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile_of_values({4, 1, 3, 2}, 0.9), 3.7);
  EXPECT_DOUBLE_EQ(quantile_of_values({7}, 0.3), 7);
  EXPECT_DOUBLE_EQ(quantile_of_values({5, 5, 5}, 0.3), 5);
}

TEST(Quantile, KeepsTheValuesAndNeedsSome) {
  std::vector<float> values{3, 1, 2};
  quantile(values, 0.2);
  EXPECT_TRUE(std::ranges::is_permutation(values, std::vector<float>{1, 2, 3}));
  EXPECT_ANY_THROW(quantile({}, 0.5));
}

TEST(QuantileOf, ReadsTheOuterTailOfEachEnd) {
  StatisticsCollectorParameters p;
  p.statistics_type = StatisticsType::quantile;
  p.quantile_outlier_prob = 0.25;
  EXPECT_EQ(quantile_of(p, false, false), 0.25);
  EXPECT_EQ(quantile_of(p, true, false), 0.75);
  EXPECT_EQ(quantile_of(p, false, true), 0.25);
  EXPECT_EQ(quantile_of(p, true, true), -0.75);  // of |x|
  p.statistics_type = StatisticsType::abs_quantile;
  EXPECT_EQ(quantile_of(p, true, false), -0.75);
  p.statistics_type = StatisticsType::max;
  EXPECT_EQ(quantile_of(p, true, true), std::nullopt);
  p.statistics_type.reset();
  EXPECT_EQ(quantile_of(p, false, false), std::nullopt);
}

}  // namespace
}  // namespace eightbit::records
