#include "records/bias_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eightbit {
namespace {

using testing::ElementsAre;

// Two channels of four elements.
const std::vector<float> kData = {1, 2, 3, 4, -8, 2, -6, -3};
const std::vector<int64_t> kShape = {1, 2, 2, 2};

TEST(MeanShift, IsTheDifferenceOfMeans) {
  const BiasProbe probe{0, 1, 2};
  EXPECT_THAT(mean_shift(probe, std::vector<float>{3, 0}, kData.data(), kShape),
              ElementsAre(0.5f, 3.75f));
}

TEST(MeanShift, InFrontOfAReluCountsWhatPasses) {
  const BiasProbe probe{0, 1, 2, kNone, 7};
  // a quarter of the second channel passes, with a mean of 0.5
  EXPECT_THAT(mean_shift(probe, std::vector<float>{3, 0.75f}, kData.data(), kShape),
              ElementsAre(0.5f, 1.0f));
}

TEST(MeanShift, OfWhatDoesNotPassIsBounded) {
  const BiasProbe probe{0, 1, 1, kNone, 7};
  const std::vector<float> silent = {-1, -2, -3, -4};
  EXPECT_THAT(
      mean_shift(probe, std::vector<float>{0}, silent.data(), std::vector<int64_t>{1, 1, 4}),
      ElementsAre(0.0f));
  EXPECT_THAT(
      mean_shift(probe, std::vector<float>{0.01f}, silent.data(), std::vector<int64_t>{1, 1, 4}),
      ElementsAre(testing::FloatEq(0.2f)));
}

}  // namespace
}  // namespace eightbit
