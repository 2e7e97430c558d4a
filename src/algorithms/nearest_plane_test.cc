#include "algorithms/nearest_plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace eightbit {
namespace {

constexpr int64_t kSize = 24, kOutputs = 37;  // more than two blocks
constexpr auto kN = static_cast<size_t>(kSize);

std::vector<float> random_weights(unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, 0.3f);
  std::vector<float> values(kN * kOutputs);
  for (float& value : values) value = std::clamp(normal(engine), -1.0f, 1.0f);
  return values;
}

// Values that vary together: a few causes, and a little noise of their own.
std::vector<double> correlated(unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  std::vector<double> covariance(kN * kN);
  for (int cause = 0; cause < 4; ++cause) {
    std::vector<double> effect(kN);
    for (double& e : effect) e = normal(engine);
    for (size_t i = 0; i < kN; ++i)
      for (size_t j = 0; j < kN; ++j) covariance[i * kN + j] += effect[i] * effect[j];
  }
  for (size_t i = 0; i < kN; ++i) covariance[i * kN + i] += 0.05;
  return covariance;
}

double error(const std::vector<double>& covariance, const std::vector<float>& weights,
             const std::vector<float>& rounded) {
  double sum = 0;
  for (size_t o = 0; o < kOutputs; ++o)
    for (size_t i = 0; i < kN; ++i)
      for (size_t j = 0; j < kN; ++j)
        sum += (weights[o * kN + i] - rounded[o * kN + i]) * covariance[i * kN + j] *
               (weights[o * kN + j] - rounded[o * kN + j]);
  return sum;
}

const std::vector<float> kScales(kOutputs, 1.0f / 127);
const std::vector<double> kNoFloor(kN);

std::vector<float> nearest(std::vector<float> weights) {
  for (float& w : weights) w = std::nearbyint(w * 127) / 127;
  return weights;
}

TEST(NearestPlane, IndependentInputsRoundToTheNearest) {
  std::vector<double> identity(kN * kN);
  for (size_t i = 0; i < kN; ++i) identity[i * kN + i] = 1 + static_cast<double>(i);
  auto weights = random_weights(1);
  const auto expected = nearest(weights);
  NearestPlane(identity, kSize, kNoFloor).round(weights, kScales, 127);
  EXPECT_THAT(weights, testing::Pointwise(testing::FloatNear(1e-6f), expected));
}

TEST(NearestPlane, WhatVariesTogetherIsRoundedTogether) {
  const auto covariance = correlated(2);
  const auto weights = random_weights(3);
  auto rounded = weights;
  NearestPlane(covariance, kSize, kNoFloor).round(rounded, kScales, 127);
  EXPECT_LT(error(covariance, weights, rounded),
            0.4 * error(covariance, weights, nearest(weights)));
}

TEST(NearestPlane, LevelsAreWholeAndWithinTop) {
  auto weights = random_weights(4);
  for (float& w : weights) w *= 3;
  NearestPlane(correlated(5), kSize, kNoFloor).round(weights, kScales, 127);
  for (float w : weights) {
    EXPECT_NEAR(w * 127, std::nearbyint(w * 127), 1e-3);
    EXPECT_LE(std::fabs(w), 1.00001f);
  }
}

TEST(NearestPlane, ACovarianceWithoutFullRankIsMended) {
  std::vector<double> ones(kN * kN, 1.0);
  const auto weights = random_weights(6);
  auto rounded = weights;
  NearestPlane(ones, kSize, kNoFloor).round(rounded, kScales, 127);
  EXPECT_LT(error(ones, weights, rounded), 0.1 * error(ones, weights, nearest(weights)));
  auto zeros = weights;
  NearestPlane(std::vector<double>(kN * kN), kSize, kNoFloor).round(zeros, kScales, 127);
  EXPECT_THAT(zeros, testing::Pointwise(testing::FloatNear(1e-6f), nearest(weights)));
}

TEST(NearestPlane, PairsKeepToTheirLimit) {
  auto weights = random_weights(7);
  for (float& w : weights) w *= 3;
  PairLimits limits;
  limits.largest.assign(kN, 255);
  for (int32_t k = 0; k < kSize; ++k) {
    limits.before.push_back(k % 2 == 1 ? k - 1 : -1);
    limits.after.push_back(k % 2 == 0 ? k + 1 : -1);
  }
  const std::vector<float> kept(kN * kOutputs, 64.0f / 127);  // 64 * 255 * 2 fits
  auto free = weights;
  const NearestPlane plane(correlated(8), kSize, kNoFloor);
  plane.round(free, kScales, 127);
  plane.round(weights, kScales, 127, limits, kept);
  const auto violations = [](const std::vector<float>& all) {
    int count = 0;
    for (size_t i = 0; i < all.size(); i += 2) {
      const float a = std::nearbyint(all[i] * 127), b = std::nearbyint(all[i + 1] * 127);
      count += a * b > 0 && (std::fabs(a) + std::fabs(b)) * 255 > 32767;
    }
    return count;
  };
  EXPECT_GT(violations(free), 0);
  EXPECT_EQ(violations(weights), 0);
}

}  // namespace
}  // namespace eightbit
