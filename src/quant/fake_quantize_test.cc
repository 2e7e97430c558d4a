// The formulas against a reference in double precision, written from docs/quantization.md, over
// random tensors.
#include "quant/fake_quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace eightbit {
namespace {

constexpr int kTensors = 10000;
constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

// Distance in representable numbers; the reference is rounded to f32 first.
int64_t ulps(float ours, double reference) {
  const auto place = [](float x) {
    const auto bits = std::bit_cast<int32_t>(x);
    return bits < 0 ? int64_t{INT32_MIN} - bits : int64_t{bits};
  };
  return std::abs(place(ours) - place(static_cast<float>(reference)));
}

// Extremes of a random tensor of some channels: scales over ten decades, now and then one-sided,
// equal or dead.
struct Case {
  std::vector<float> min, max, abs_max;
  int bits = 8;
  bool narrow = false;
};

class Cases {
 public:
  Case next() {
    Case c;
    c.bits = whole(2, 16);
    c.narrow = whole(0, 1) == 1;
    const int channels = whole(1, 4), kind = whole(0, 5);
    const float scale = std::pow(10.0f, real(-6, 4));
    for (int i = 0; i < channels; ++i) {
      float low = -scale * real(0, 1), high = scale * real(0, 1);
      if (kind == 1) low = 0;
      if (kind == 2) low = high * 0.5f;
      if (kind == 3) high = low * 0.5f;
      if (kind == 4 && i == 0) low = high = 0;
      c.min.push_back(low);
      c.max.push_back(high);
      c.abs_max.push_back(std::max(std::fabs(low), std::fabs(high)));
    }
    return c;
  }
  int whole(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  float real(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(random_);
  }

 private:
  std::mt19937 random_{20240607};
};

double floor_of(const Case& c) {
  return std::max(0.01 * static_cast<double>(*std::ranges::max_element(c.abs_max)), 8e-5);
}

bool any_negative(const Case& c) {
  return std::ranges::any_of(c.min, [](float x) { return x < 0; });
}

TEST(FakeQuantizeMath, SymmetricRangesFollowTheReference) {
  Cases cases;
  for (int n = 0; n < kTensors; ++n) {
    const Case c = cases.next();
    const std::optional<bool> forced = cases.whole(0, 2) == 0 ? std::optional(true) : std::nullopt;
    const QuantizedRange range = symmetric_range(c.min, c.abs_max, c.bits, c.narrow, forced);
    const int levels = (1 << c.bits) - (c.narrow ? 1 : 0);
    ASSERT_EQ(range.levels, levels);
    ASSERT_EQ(range.high.size(), c.min.size());
    for (size_t i = 0; i < c.min.size(); ++i) {
      const double high = std::max(static_cast<double>(c.abs_max[i]), floor_of(c));
      ASSERT_LE(ulps(range.high[i], high), 1);
      const bool is_signed = forced.value_or(false) || any_negative(c);
      const double low = !is_signed ? 0 : c.narrow ? -high : -high * levels / (levels - 2.0);
      ASSERT_LE(ulps(range.low[i], low), 1) << "bits " << c.bits << " high " << high;
    }
  }
}

TEST(FakeQuantizeMath, HalfRangesFollowTheReference) {
  Cases cases;
  for (int n = 0; n < kTensors; ++n) {
    const Case c = cases.next();
    const int bits = std::max(c.bits, 3);
    const QuantizedRange range = half_symmetric_range(c.abs_max, bits, c.narrow);
    const int levels = (1 << bits) - (c.narrow ? 1 : 0), half = 1 << (bits - 1);
    ASSERT_EQ(range.levels, levels);
    for (size_t i = 0; i < c.min.size(); ++i) {
      const double high = std::max(static_cast<double>(c.abs_max[i]), floor_of(c)),
                   stretch = (levels - 1.0) / (half - 1.0);
      ASSERT_LE(ulps(range.high[i], high * stretch), 1);
      ASSERT_LE(ulps(range.low[i], -high * stretch * (c.narrow ? 1.0 : half / (half - 2.0))), 1);
    }
  }
}

TEST(FakeQuantizeMath, HalfRangeKeepsIntegersWithinSixtyFour) {
  for (bool narrow : {false, true}) {
    const std::vector<float> largest = {0.7f};
    const QuantizedRange range = half_symmetric_range(largest, 8, narrow);
    const float step = (range.high[0] - range.low[0]) / static_cast<float>(range.levels - 1);
    EXPECT_LE(std::nearbyint(0.7f / step), 64);
    EXPECT_GE(std::nearbyint(0.7f / step), 63);
  }
}

// The two ways to move 0 onto a level, and the one that moves further out.
std::pair<double, double> zero_on_level(double low, double high, int top, double q) {
  const double a = q < top ? q / (q - top) * high : low;
  const double b = q > 0 ? (q - top) / q * low : high;
  return high - a > b - low ? std::pair{a, high} : std::pair{low, b};
}

TEST(FakeQuantizeMath, AsymmetricRangesFollowTheReference) {
  Cases cases;
  int compared = 0;
  for (int n = 0; n < kTensors; ++n) {
    const Case c = cases.next();
    const QuantizedRange range = asymmetric_range(c.min, c.max, c.bits, c.narrow);
    const int top = (1 << c.bits) - (c.narrow ? 2 : 1);
    ASSERT_EQ(range.levels, top + 1);
    for (size_t i = 0; i < c.min.size(); ++i) {
      const double min = c.min[i], max = c.max[i], wider = max - min <= 8e-4 ? 8e-4 : 0.0;
      const double low = std::min(min - wider, 0.0), high = std::max(max + wider, 0.0);
      const double exact = -low * top / (high - low),
                   fraction = std::fabs(exact - std::floor(exact) - 0.5);
      if (fraction < 1e-6 * top) continue;  // either level is the nearest, within rounding
      const auto [a, b] = zero_on_level(low, high, top, std::nearbyint(exact));
      ++compared;
      const auto [x, y] = std::pair{range.low[i], range.high[i]};
      const bool same = ulps(x, a) <= 1 && ulps(y, b) <= 1;
      ASSERT_TRUE(same) << "min " << c.min[i] << " max " << c.max[i] << " bits " << c.bits << ": "
                        << x << ", " << y << " instead of " << a << ", " << b;
    }
  }
  EXPECT_GT(compared, kTensors);
}

TEST(FakeQuantizeMath, AsymmetricRangesCoverTheirDataAndHoldZeroExactly) {
  Cases cases;
  int on_level = 0;
  for (int n = 0; n < kTensors; ++n) {
    const Case c = cases.next();
    const QuantizedRange range = asymmetric_range(c.min, c.max, c.bits, c.narrow);
    for (size_t i = 0; i < c.min.size(); ++i) {
      const double slack = 2 * kEpsilon * std::max(std::fabs(c.min[i]), std::fabs(c.max[i]));
      ASSERT_LE(range.low[i], c.min[i] + slack);
      ASSERT_GE(range.high[i], c.max[i] - slack);
      const double step = (static_cast<double>(range.high[i]) - range.low[i]) / (range.levels - 1);
      const double zero = -range.low[i] / step;
      // An end closer to 0 than half a step keeps its place: moving it would shrink the range.
      if (zero < 0.5 || zero > range.levels - 1.5) continue;
      ++on_level;
      ASSERT_NEAR(zero, std::nearbyint(zero), 1e-6 * range.levels + 1e-5);
    }
  }
  EXPECT_GT(on_level, kTensors / 2);
}

// Runtimes round zero points: an end between levels would move all values.
TEST(FakeQuantizeMath, AnEndWithinHalfAStepOfZeroIsZero) {
  Cases cases;
  int small = 0;
  for (int n = 0; n < kTensors; ++n) {
    const Case c = cases.next();
    const QuantizedRange range =
        asymmetric_range(c.min, c.max, c.bits, c.narrow, Narrowest::relative);
    for (size_t i = 0; i < c.min.size(); ++i) {
      const double step = (static_cast<double>(range.high[i]) - range.low[i]) / (range.levels - 1);
      const double zero = -range.low[i] / step;
      small += (range.low[i] == 0 && c.min[i] < 0) || (range.high[i] == 0 && c.max[i] > 0);
      ASSERT_NEAR(zero, std::nearbyint(zero), 1e-6 * range.levels + 1e-5);
      const double width = std::max(c.max[i], 0.0f) - std::min(c.min[i], 0.0f),
                   half = 0.5 * width / (range.levels - 1) * (1 + 1e-6);
      ASSERT_LE(range.low[i] - c.min[i], half);
      ASSERT_LE(c.max[i] - range.high[i], half);
    }
  }
  EXPECT_GT(small, 0);
  // swish behind large values
  const QuantizedRange range =
      asymmetric_range(std::vector{-0.2785f}, std::vector{156.0f}, 8, false, Narrowest::relative);
  EXPECT_EQ(range.low[0], 0);
  EXPECT_EQ(range.high[0], 156.0f);
}

TEST(FakeQuantizeMath, ValuesGoToTheNearestLevel) {
  Cases cases;
  for (int n = 0; n < kTensors; ++n) {
    const Case c = cases.next();
    const QuantizedRange range = asymmetric_range(c.min, c.max, c.bits, false);
    const double low = range.low[0], high = range.high[0], step = (high - low) / (range.levels - 1);
    const float x = cases.real(1.5f * range.low[0], 1.5f * range.high[0]);
    const double clipped = std::clamp<double>(x, low, high), place = (clipped - low) / step;
    if (std::fabs(place - std::floor(place) - 0.5) < 1e-5 * range.levels) continue;
    const double expected = low + std::nearbyint(place) * step;
    ASSERT_NEAR(fake_quantize(x, range.low[0], range.high[0], range.levels), expected,
                4e-7 * (high - low));
  }
}

TEST(FakeQuantizeMath, HalvesGoToTheEvenLevel) {
  // Levels 0, 1, 2, 3.
  EXPECT_EQ(fake_quantize(0.5f, 0, 3, 4), 0);
  EXPECT_EQ(fake_quantize(1.5f, 0, 3, 4), 2);
  EXPECT_EQ(fake_quantize(2.5f, 0, 3, 4), 2);
  EXPECT_EQ(fake_quantize(-1, 0, 3, 4), 0);
  EXPECT_EQ(fake_quantize(9, 0, 3, 4), 3);
}

TEST(FakeQuantizeMath, QuantizingTwiceChangesNothing) {
  Cases cases;
  std::vector<float> values(256);
  for (int n = 0; n < 100; ++n) {
    const Case c = cases.next();
    const QuantizedRange range = symmetric_range(c.min, c.abs_max, 8, c.narrow, true);
    for (float& value : values) value = cases.real(-c.abs_max[0], c.abs_max[0]);
    fake_quantize(values, range.low[0], range.high[0], range.levels);
    const std::vector<float> once = values;
    fake_quantize(values, range.low[0], range.high[0], range.levels);
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(values[i], once[i], 2 * kEpsilon * range.high[0]);
  }
}

TEST(FakeQuantizeMath, DeadChannelsGetOnePercentOfTheLargest) {
  const std::vector<float> min = {-2, 0}, largest = {2, 0};
  const QuantizedRange range = symmetric_range(min, largest, 8, true, true);
  EXPECT_FLOAT_EQ(range.high[1], 0.02f);
  EXPECT_FLOAT_EQ(range.low[1], -0.02f);
}

TEST(FakeQuantizeMath, UnsignedUnlessAnyChannelIsNegative) {
  const std::vector<float> positive = {0, 0}, one_negative = {0, -0.1f}, largest = {1, 1};
  EXPECT_EQ(symmetric_range(positive, largest, 8, false, {}).low, (std::vector<float>{0, 0}));
  const QuantizedRange range = symmetric_range(one_negative, largest, 8, false, {});
  EXPECT_FLOAT_EQ(range.low[0], -128.0f / 127.0f);
}

TEST(FakeQuantizeMath, ZeroPointAndScaleGiveTheRangeBack) {
  Cases cases;
  for (int n = 0; n < 1000; ++n) {
    const Case c = cases.next();
    const QuantizedRange range = asymmetric_range(c.min, c.max, 8, false);
    const auto [scale, zero] = scale_zero_point(range.low[0], range.high[0], range.levels, -128);
    ASSERT_NEAR((-128 - zero) * scale, range.low[0], 1e-4f * scale * 256);
    ASSERT_NEAR((127 - zero) * scale, range.high[0], 1e-4f * scale * 256);
  }
}

TEST(FakeQuantizeMath, Fp8ScalesFillTheType) {
  const std::vector<float> min = {-4, 0}, max = {2, 7};
  EXPECT_FLOAT_EQ(fp8_scale(min, max, FP8Type::f8e4m3, false)[0], 448.0f / 4);
  EXPECT_FLOAT_EQ(fp8_scale(min, max, FP8Type::f8e5m2, true)[1], 57344.0f / 7 / 2);
}

}  // namespace
}  // namespace eightbit
