#include "quant/rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace eightbit {
namespace {

TEST(Rounding, HalvesGoToTheEvenLevelAndLargeWeightsToTheLast) {
  const float step = 0.25f;
  const std::vector<std::pair<float, float>> cases = {
      {0, 0},      {0.125f, 0},   {0.375f, 2},    {0.625f, 2},  {-0.125f, 0},  {-0.375f, -2},
      {0.126f, 1}, {31.75f, 127}, {31.875f, 127}, {1e30f, 127}, {-1e30f, -127}};
  for (const auto& [weight, level] : cases)
    EXPECT_EQ(rounded_level(weight, step, 127), level) << weight;
}

TEST(Rounding, IsWhatNearbyintGives) {
  std::mt19937 engine(1);
  std::normal_distribution<float> normal(0, 30);
  for (int i = 0; i < 10000; ++i) {
    const float weight = normal(engine);
    EXPECT_EQ(rounded_level(weight, 0.3f, 127),
              std::clamp(std::nearbyint(weight / 0.3f), -127.0f, 127.0f))
        << weight;
  }
}

TEST(Rounding, ErrorIsTheWeightedSumOfSquares) {
  std::mt19937 engine(2);
  std::normal_distribution<float> normal(0, 1);
  std::uniform_real_distribution<float> uniform(0, 3);
  for (const size_t count : {0u, 1u, 63u, 64u, 65u, 200u, 1000u}) {
    std::vector<float> weights(count), importance(count);
    for (float& w : weights) w = normal(engine);
    for (float& i : importance) i = uniform(engine);
    for (const float top : {127.0f, 7.0f}) {
      const float scale = 2.0f / top;  // beyond two deviations weights are clipped
      double expected = 0;
      for (size_t i = 0; i < count; ++i) {
        const double level = std::clamp<double>(std::nearbyint(weights[i] / scale), -top, top);
        expected += importance[i] * std::pow(weights[i] - level * scale, 2);
      }
      EXPECT_NEAR(rounding_error(weights, importance, scale, top), expected, 1e-4 * expected)
          << count << " " << top;
    }
  }
}

}  // namespace
}  // namespace eightbit
