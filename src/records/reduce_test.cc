#include "records/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "records/histogram.h"
#include "records/tensor_record.h"

namespace eightbit {
namespace {

std::vector<float> normal(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution(0.5f, 2);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = distribution(engine);
  return values;
}

Tap tap_of(int64_t channels, uint32_t statistics) {
  Tap tap;
  tap.axis = 1;
  tap.channels = channels;
  tap.statistics = statistics;
  return tap;
}

constexpr uint32_t kAll = kMinMax | kMean | kMeanSquare;

std::vector<float> record_of(const Tap& tap, const ReduceView& view,
                             std::vector<uint32_t>* counts = nullptr) {
  BinCounts bins;
  std::vector<float> record(static_cast<size_t>(tap.record_size()));
  reduce(tap, view, record, counts == nullptr ? nullptr : &bins);
  if (counts != nullptr) {
    std::vector<uint64_t> moved(Histogram::kBins);
    bins.move_to(moved);
    counts->assign(moved.begin(), moved.end());
  }
  return record;
}

// The same, value by value in double.
std::vector<double> expected_record(const ReduceView& view) {
  const auto channels = static_cast<size_t>(view.channels);
  std::vector<double> min(channels, INFINITY), max(channels, -INFINITY), sum(channels),
      square(channels), count(channels);
  for (int64_t i = 0; i < view.outer * view.channels * view.inner; ++i) {
    const double x = view.data[i];
    if (!std::isfinite(x)) continue;
    const auto c = static_cast<size_t>(i / view.inner % view.channels);
    min[c] = std::min(min[c], x), max[c] = std::max(max[c], x);
    sum[c] += x, square[c] += x * x, ++count[c];
  }
  std::vector<double> record;
  double finite = 0;
  const auto append = [&](const std::vector<double>& values, bool average) {
    for (size_t c = 0; c < channels; ++c)
      record.push_back(count[c] == 0 ? 0 : average ? values[c] / count[c] : values[c]);
  };
  append(min, false), append(max, false), append(sum, true), append(square, true);
  for (double n : count) finite += n;
  record.push_back(finite / static_cast<double>(view.outer * view.channels * view.inner));
  return record;
}

void expect_record(const ReduceView& view) {
  const auto record = record_of(tap_of(view.channels, kAll), view);
  const auto expected = expected_record(view);
  ASSERT_EQ(record.size(), expected.size());
  for (size_t i = 0; i < record.size(); ++i)
    EXPECT_NEAR(record[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])))
        << i << " of [" << view.outer << "," << view.channels << "," << view.inner << "]";
  // Extremes alone go another way.
  const auto extremes = record_of(tap_of(view.channels, kMinMax), view);
  for (size_t i = 0; i + 1 < extremes.size(); ++i) EXPECT_EQ(extremes[i], record[i]);
  EXPECT_EQ(extremes.back(), record.back());
}

TEST(Reduce, ColumnsOfEveryWidth) {
  for (int64_t channels : {2, 3, 7, 8, 15, 17, 33, 240})
    for (int64_t rows : {1, 7, 8, 9, 255, 256, 257, 1000}) {
      const auto values = normal(rows * channels, static_cast<unsigned>(rows + channels));
      expect_record({values.data(), rows, channels, 1});
    }
}

TEST(Reduce, RunsOfEveryLength) {
  for (int64_t channels : {1, 3})
    for (int64_t inner : {1, 5, 16, 31, 4096, 10001})
      for (int64_t outer : {1, 2}) {
        const auto values = normal(outer * channels * inner, static_cast<unsigned>(inner));
        expect_record({values.data(), outer, channels, inner});
      }
}

TEST(Reduce, WhatIsNotFiniteIsLeftOutWhereverItIs) {
  for (const float bad : {NAN, INFINITY, -INFINITY})
    for (int64_t inner : {1, 9})
      for (size_t place : {size_t{0}, size_t{13}, size_t{299}}) {
        const int64_t channels = 5, outer = 60;
        auto values = normal(outer * channels * inner, 3);
        values[place] = bad;
        expect_record({values.data(), outer, channels, inner});
      }
}

TEST(Reduce, AChannelWithoutFiniteValuesIsZero) {
  auto values = normal(3 * 40, 4);
  for (size_t row = 0; row < 40; ++row) values[row * 3 + 1] = NAN;
  expect_record({values.data(), 40, 3, 1});
}

TEST(Reduce, SmallTensorsAreCountedInFull) {
  const auto values = normal(5000, 5);
  std::vector<uint32_t> counts, expected(Histogram::kBins, 0);
  record_of(tap_of(1, kMinMax | kHistogram), {values.data(), 1, 1, 5000}, &counts);
  for (float value : values) ++expected[static_cast<size_t>(Histogram::bin(value))];
  EXPECT_EQ(counts, expected);
}

TEST(Reduce, EachBinThatIsInUseIsCounted) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& values : {std::vector<float>{1, 2, 3},
                                           {-1, -2, -3},
                                           {0.0f, -0.0f},
                                           {-0.0f},
                                           {1e-30f, -1e-30f, 3e38f},
                                           {inf, -inf, 1, -7},
                                           {inf},
                                           {}}) {
    std::vector<uint32_t> expected(Histogram::kBins);
    for (float x : values)
      if (std::isfinite(x)) ++expected[static_cast<size_t>(Histogram::bin(x))];
    for (int again = 0; again < 2; ++again) {  // nothing is left of the last time
      std::vector<uint32_t> counts;
      record_of(tap_of(1, kMinMax | kHistogram),
                {values.data(), 1, 1, static_cast<int64_t>(values.size())}, &counts);
      EXPECT_EQ(counts, expected) << values.size() << " values";
    }
  }
}

TEST(HistogramSink, TakesWhatWasCounted) {
  HistogramSink sink;
  BinCounts counts;
  for (float x : {2.0f, -3.0f, 2.0f}) {
    std::vector<float> record(3);
    reduce(tap_of(1, kMinMax | kHistogram), {&x, 1, 1, 1}, record, &counts);
    if (x < 0) sink.take(counts);
  }
  sink.take(counts);
  EXPECT_EQ(sink.counts.counts[static_cast<size_t>(Histogram::bin(2))], 2u);
  EXPECT_EQ(sink.counts.counts[static_cast<size_t>(Histogram::bin(-3))], 1u);
  EXPECT_EQ(sink.counts.total(), 3u);
  EXPECT_EQ(counts.counters, BinCounts().counters);
}

TEST(Reduce, LargeAndSmallValuesHaveBinsOfTheirOwn) {
  for (float factor : {1e-38f, 1e-9f, 1e8f, 1e37f}) {
    auto values = normal(999, 7);
    std::vector<uint32_t> counts, expected(Histogram::kBins, 0);
    for (float& value : values) ++expected[static_cast<size_t>(Histogram::bin(value *= factor))];
    record_of(tap_of(1, kMinMax | kHistogram), {values.data(), 1, 1, 999}, &counts);
    EXPECT_EQ(counts, expected) << factor;
    EXPECT_GT(std::ranges::count_if(counts, [](uint32_t count) { return count > 0; }), 30)
        << factor;
  }
}

// A sampling that falls into step with the channels would miss some of them.
TEST(Reduce, CountsOfLargeTensorsSeeEveryChannel) {
  constexpr float kLarge = 1000;
  for (int64_t channels : {3, 32, 64, 240, 256, 384}) {
    const int64_t rows = 56 * 56;
    auto values = normal(rows * channels, 6);
    for (int64_t large = 0; large < channels; large += std::max<int64_t>(channels / 32, 1)) {
      const auto fill = [&](float x) {
        for (int64_t row = 0; row < rows; ++row)
          values[static_cast<size_t>(row * channels + large)] = x;
      };
      fill(kLarge);
      std::vector<uint32_t> counts;
      record_of(tap_of(channels, kMinMax | kHistogram), {values.data(), rows, channels, 1},
                &counts);
      double total = 0;
      for (uint32_t count : counts) total += count;
      const double share = counts[static_cast<size_t>(Histogram::bin(kLarge))] / total *
                           static_cast<double>(channels);
      EXPECT_GT(share, 0.4) << "channel " << large << " of " << channels;
      EXPECT_LT(share, 1.8) << "channel " << large << " of " << channels;
      fill(0.5f);
    }
  }
}

}  // namespace
}  // namespace eightbit
