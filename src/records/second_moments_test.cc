#include "records/second_moments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

namespace eightbit {
namespace {

using Rows = std::vector<std::vector<double>>;

std::vector<float> uniform(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> real(-1, 1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = real(engine);
  return values;
}

std::vector<double> covariance_of(const Rows& rows) {
  const size_t n = rows[0].size();
  std::vector<double> mean(n), out(n * n);
  for (const auto& row : rows)
    for (size_t i = 0; i < n; ++i) mean[i] += row[i] / static_cast<double>(rows.size());
  for (const auto& row : rows)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        out[i * n + j] +=
            (row[i] - mean[i]) * (row[j] - mean[j]) / static_cast<double>(rows.size());
  return out;
}

void expect_close(const std::vector<double>& found, const std::vector<double>& expected,
                  double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], tolerance) << i;
}

std::vector<float> all(int64_t channels, float value) {
  return std::vector<float>(static_cast<size_t>(channels), value);
}

TEST(SecondMoments, RowsOfAProduct) {
  constexpr int64_t kRows = 20, kChannels = 11;
  const auto data = uniform(kRows * kChannels, 1);
  SecondMoments moments({}, all(kChannels, -1), all(kChannels, 1), 255, kRows);
  moments.add(data.data(), std::vector<int64_t>{1, kRows, kChannels}, 2);
  Rows rows;
  for (int64_t r = 0; r < kRows; ++r)
    rows.emplace_back(data.begin() + r * kChannels, data.begin() + (r + 1) * kChannels);
  expect_close(moments.covariance(0), covariance_of(rows), 0.01);
}

// What stands under a 3 x 2 kernel, by the definition of a convolution.
Rows patches_by_hand(const std::vector<float>& image, int64_t channels, int64_t height,
                     int64_t width, int64_t first, int64_t count) {
  Rows rows;
  for (int64_t y = 0; y * 2 < height; ++y)
    for (int64_t x = 0; x + 1 < width; ++x) {
      auto& row = rows.emplace_back();
      for (int64_t c = first; c < first + count; ++c)
        for (int64_t ky = 0; ky < 3; ++ky)
          for (int64_t kx = 0; kx < 2; ++kx) {
            const int64_t at_y = y * 2 - 1 + ky, at_x = x + kx;
            const bool inside = at_y >= 0 && at_y < height && at_x < width;
            row.push_back(inside ? image[static_cast<size_t>((c * height + at_y) * width + at_x)]
                                 : 0.0);
          }
    }
  EXPECT_EQ(rows[0].size(), static_cast<size_t>(count * 6)) << channels;
  return rows;
}

const Patches kKernel{2, {3, 2}, {2, 1}, {1, 1}, {1, 0}, {1, 0}};

TEST(SecondMoments, PatchesOfAGroupedConvolution) {
  const auto image = uniform(4 * 6 * 5, 2);
  SecondMoments moments(kKernel, all(4, -1), all(4, 1), 255, 1000);
  moments.add(image.data(), std::vector<int64_t>{1, 4, 6, 5}, 1);
  EXPECT_EQ(moments.size(), 12);
  for (int64_t group : {0, 1})
    expect_close(moments.covariance(group),
                 covariance_of(patches_by_hand(image, 4, 6, 5, group * 2, 2)), 0.01);
}

TEST(SecondMoments, ChannelsLastIsTheSame) {
  const auto image = uniform(4 * 6 * 5, 3);
  std::vector<float> last(image.size());
  for (size_t c = 0; c < 4; ++c)
    for (size_t p = 0; p < 30; ++p) last[p * 4 + c] = image[c * 30 + p];
  SecondMoments first(kKernel, all(4, -1), all(4, 1), 255, 1000),
      other(kKernel, all(4, -1), all(4, 1), 255, 1000);
  first.add(image.data(), std::vector<int64_t>{1, 4, 6, 5}, 1);
  other.add(last.data(), std::vector<int64_t>{1, 6, 5, 4}, 3);
  EXPECT_EQ(first.covariance(1), other.covariance(1));
}

TEST(SecondMoments, OrderAndThreadsDoNotMatter) {
  constexpr int64_t kSamples = 12, kRows = 300, kChannels = 9;
  std::vector<std::vector<float>> samples;
  for (unsigned k = 0; k < kSamples; ++k) samples.push_back(uniform(kRows * kChannels, k));
  const std::vector<int64_t> shape{1, kRows, kChannels};
  SecondMoments forward({}, all(kChannels, -1), all(kChannels, 1), 255, 50),
      backward({}, all(kChannels, -1), all(kChannels, 1), 255, 50);
  for (const auto& sample : samples) forward.add(sample.data(), shape, 2);
  {
    std::vector<std::jthread> threads;
    for (auto at = samples.rbegin(); at != samples.rend(); ++at)
      threads.emplace_back([&, at] { backward.add(at->data(), shape, 2); });
  }
  EXPECT_EQ(forward.covariance(0), backward.covariance(0));
}

TEST(SecondMoments, SomePositionsStandForAll) {
  constexpr int64_t kRows = 20000, kChannels = 2;
  auto data = uniform(kRows * kChannels, 5);
  for (size_t r = 0; r < kRows; ++r) data[r * 2 + 1] = 0.5f * data[r * 2];
  SecondMoments moments({}, all(kChannels, -1), all(kChannels, 1), 255, 1000);
  moments.add(data.data(), std::vector<int64_t>{1, kRows, kChannels}, 2);
  expect_close(moments.covariance(0), {1.0 / 3, 1.0 / 6, 1.0 / 6, 1.0 / 12}, 0.02);
}

TEST(SecondMoments, AnyNumberOfRows) {
  constexpr int64_t kRows = SecondMoments::kMostRows, kChannels = 3;
  std::vector<float> data = uniform(kRows * kChannels, 8);
  for (float& x : data) x = std::copysign(1.0f, x);  // the largest sums there are
  SecondMoments once({}, all(kChannels, -1), all(kChannels, 1), 256, kRows),
      often({}, all(kChannels, -1), all(kChannels, 1), 256, kRows);
  once.add(data.data(), std::vector<int64_t>{1, kRows, kChannels}, 2);
  for (int i = 0; i < 150; ++i)
    often.add(data.data(), std::vector<int64_t>{1, kRows, kChannels}, 2);
  const auto one = once.covariance(0), many = often.covariance(0);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], many[i], 1e-12);
}

TEST(SecondMoments, ValuesOutsideAndNaNStayBounded) {
  std::vector<float> data{100, std::numeric_limits<float>::quiet_NaN(), -100, 0};
  SecondMoments moments({}, all(1, -1), all(1, 1), 255, 4);
  moments.add(data.data(), std::vector<int64_t>{4, 1}, 1);
  const double variance = moments.covariance(0)[0];
  EXPECT_GT(variance, 0);
  EXPECT_LE(variance, 1.01);
}

}  // namespace
}  // namespace eightbit
