#include "algorithms/extremes_range.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace eightbit::algorithms {
namespace {

constexpr float kOnes[] = {1, 1};

// Two channels; minima, then maxima. One sample of eight reaches out.
ChannelExtremes one_of_eight(float reach, double elements) {
  ChannelExtremes x{{}, {}, elements};
  for (int k = 0; k < 8; ++k) x.samples.push_back({-1, -1, 1, k == 0 ? reach : 1});
  return x;
}

TEST(ExtremesRange, WithOneElementASampleNothingIsClipped) {
  const ExtremesRange range = least_error_range(one_of_eight(10, 1), kOnes);
  EXPECT_FLOAT_EQ(range.low, -1);
  EXPECT_FLOAT_EQ(range.high, 10);
}

TEST(ExtremesRange, WithManyARareOneIs) {
  const ExtremesRange range = least_error_range(one_of_eight(10, 1e7), kOnes);
  EXPECT_LT(range.high, 10);
  EXPECT_GE(range.high, 1 + 9 / 8.0f - 1e-4f) << "the mean of the samples' extremes";
}

TEST(ExtremesRange, ChannelsAreMultipliedFirst) {
  const float multiply[] = {1, 0.1f};
  const ExtremesRange range = least_error_range(one_of_eight(10, 1), multiply);
  EXPECT_FLOAT_EQ(range.low, -1);
  EXPECT_FLOAT_EQ(range.high, 1);
}

TEST(ExtremesRange, IsTheLeastOfTheErrorsThatItTells) {
  const ChannelExtremes x = one_of_eight(10, 1000);
  const ExtremesRange best = least_error_range(x, kOnes);
  const auto sum = [](const ExtremesRange& range) {
    return std::accumulate(range.error.begin(), range.error.end(), 0.0);
  };
  for (float high : {2.5f, 4.0f, 6.0f, 10.0f})
    EXPECT_LE(sum(best), 1.2 * sum(range_between(x, kOnes, -1, high))) << high;
}

TEST(ExtremesRange, RoundingErrsByATwelfthOfAStepsSquare) {
  const ChannelExtremes x = one_of_eight(1, 1);
  const ExtremesRange range = range_between(x, kOnes, -1, 1);
  for (double error : range.error) EXPECT_NEAR(error, std::pow(2 / 255.0, 2) / 12, 1e-12);
  ChannelExtremes tiny = x;
  tiny.mean_square = {1e-9f, 1};  // rounds to 0
  EXPECT_NEAR(range_between(tiny, kOnes, -1, 1).error[0], 1e-9, 1e-15);
}

}  // namespace
}  // namespace eightbit::algorithms
