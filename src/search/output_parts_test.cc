#include "search/output_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace eightbit::search {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Channels of these magnitudes along `axis` of [1, n, m]; `other`: the extent of the other axis.
Tensor with_channels(const std::vector<float>& magnitudes, size_t axis, int64_t other) {
  const auto channels = static_cast<int64_t>(magnitudes.size());
  Shape shape = axis == 1 ? Shape{1, channels, other} : Shape{1, other, channels};
  std::vector<float> values;
  for (int64_t i = 0; i < channels * other; ++i) {
    const int64_t channel = axis == 1 ? i / other : i % channels;
    values.push_back(magnitudes[static_cast<size_t>(channel)] * (i % 2 == 0 ? 1.0f : -0.9f));
  }
  return Tensor::from_floats(values, shape);
}

std::vector<OutputPart> parts_of(const std::vector<std::vector<Tensor>>& outputs) {
  return output_parts(outputs.size(), [&](size_t sample) { return outputs[sample]; });
}

const std::vector<float> kDetector = {200, 150, 40, 50, 0.5f, 0.01f, 0.3f, 0.002f};

TEST(OutputParts, BoxesAndScoresOfOneTensorAreTwo) {
  for (size_t axis : {1u, 2u}) {
    const auto parts = parts_of({{with_channels(kDetector, axis, 100)}});
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(parts[0].suffix(), axis == 1 ? "[:, 0:4]" : "[:, :, 0:4]");
    EXPECT_EQ(parts[1].suffix(), axis == 1 ? "[:, 4:8]" : "[:, :, 4:8]");
    EXPECT_EQ(parts[1].axis, static_cast<int64_t>(axis));
  }
  const auto mixed = parts_of({{with_channels({1, 90, 1, 80, 1}, 1, 40)}});
  ASSERT_EQ(mixed.size(), 2u);
  EXPECT_EQ(mixed[0].suffix(), "[:, 2 channels]");
}

TEST(OutputParts, OthersAreOne) {
  const auto one = [](const Tensor& tensor) {
    const auto parts = parts_of({{tensor}});
    return parts.size() == 1 && parts[0].axis == -1 && parts[0].suffix().empty();
  };
  EXPECT_TRUE(one(with_channels({200, 150, 40, 50, 10, 3}, 1, 100))) << "no gap";
  EXPECT_TRUE(one(with_channels({200, 1, 1, 1, 1, 1}, 1, 100))) << "an outlier";
  EXPECT_TRUE(one(with_channels({200, 200, 200, 0, 0, 0}, 1, 100))) << "silence";
  EXPECT_TRUE(one(Tensor::from_floats(std::vector<float>{100, 99, 1, 1}, {1, 4}))) << "scores";
  EXPECT_TRUE(one(Tensor::from_floats(std::vector<float>(16, 1), {1, 2, 2, 4}))) << "a picture";
  EXPECT_TRUE(one(with_channels(kDetector, 1, 8))) << "a map with a silent border";
  std::vector<float> map(size_t{64} * 8, 1);
  std::fill_n(map.begin(), size_t{8} * 4, 1e-6f);
  EXPECT_TRUE(one(Tensor::from_floats(map, {1, 1, 64, 8}))) << "a map of one channel";
  // of another length in another sample
  EXPECT_EQ(
      parts_of({{with_channels(kDetector, 1, 100)}, {with_channels({1, 1, 1}, 1, 100)}}).size(),
      1u);
  EXPECT_TRUE(parts_of({}).empty());
  EXPECT_TRUE(parts_of({{Tensor::allocate(DType::i64, {1, 4, 8})}}).empty()) << "integers";
}

TEST(OutputParts, TheNoiseOfOneIsNotThatOfTheOther) {
  const Tensor reference = with_channels(kDetector, 1, 100);
  std::vector<float> values = to_floats(reference);
  for (size_t i = 400; i < values.size(); ++i) values[i] *= 0.5f;  // scores
  const Tensor other = Tensor::from_floats(values, reference.shape);
  const auto parts = parts_of({{reference}});
  OutputNoise boxes, scores, all;
  boxes.add(reference, other, parts[0]);
  scores.add(reference, other, parts[1]);
  all.add(reference, other);
  EXPECT_EQ(boxes.decibels(), kInfinite);
  EXPECT_NEAR(scores.decibels(), 20 * std::log10(2), 1e-3);
  EXPECT_GT(all.decibels(), 50);
  EXPECT_NEAR(boxes.signal() + scores.signal(), all.signal(), 1e-3 * all.signal());
}

double decibels(const std::vector<float>& a, const std::vector<float>& b) {
  OutputNoise noise;
  noise.add(Tensor::from_floats(a, {static_cast<int64_t>(a.size())}),
            Tensor::from_floats(b, {static_cast<int64_t>(b.size())}));
  return noise.decibels();
}

TEST(OutputNoise, IsSignalOverNoise) {
  EXPECT_NEAR(decibels({3, 4}, {3, 4.5f}), 10 * std::log10(25 / 0.25), 1e-9);
  EXPECT_EQ(decibels({3, 4}, {3, 4}), kInfinite);
  EXPECT_EQ(decibels({0, 0}, {0, 1}), -kInfinite);
}

OutputNoise over(const std::vector<std::pair<float, float>>& samples) {
  OutputNoise noise;
  for (const auto& [a, b] : samples)
    noise.add(Tensor::from_floats(std::vector<float>{a}, {1}),
              Tensor::from_floats(std::vector<float>{b}, {1}));
  return noise;
}

TEST(OutputNoise, OtherSamplesMayComeToLess) {
  // all samples alike: the ratio is known
  EXPECT_NEAR(over({{10, 11}, {20, 22}, {-10, -11}}).low_decibels(), 20, 1e-3);
  // noise 1, 1, 4 over a signal of 100 each: a mean of 2, a standard error of 1
  const OutputNoise uneven = over({{10, 11}, {10, 9}, {10, 12}});
  EXPECT_NEAR(uneven.decibels(), 10 * std::log10(50), 1e-4);
  EXPECT_NEAR(uneven.low_decibels(), 10 * std::log10(100.0 / 3), 1e-4);
  EXPECT_EQ(uneven.high_decibels(), kInfinite) << "perhaps none";
  EXPECT_NEAR(over({{10, 11}}).low_decibels(), 20, 1e-4) << "one tells nothing of others";
  EXPECT_EQ(over({{10, 10}, {10, 10}}).low_decibels(), kInfinite);
}

TEST(OutputNoise, WhatIsNoNumberInTheFloatModelCanNotBeJudged) {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(decibels({nan, 4}, {7, 4}), kInfinite);
  EXPECT_EQ(decibels({3, 4}, {nan, 4}), -kInfinite);
  EXPECT_EQ(decibels({3, 4}, {3}), -kInfinite) << "another shape";
}

}  // namespace
}  // namespace eightbit::search
