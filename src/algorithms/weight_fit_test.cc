#include "algorithms/weight_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/test_network.h"
#include "graph/roles.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"

namespace eightbit::algorithms {
namespace {

constexpr float kInt16 = 32767;

// A weight of any layout, seen as [output][position][input].
struct Weight {
  Shape shape;
  WeightAxes layout;
  std::vector<float> values;

  int64_t inputs() const { return shape[static_cast<size_t>(layout.input_axis)]; }
  int64_t at(int64_t output, int64_t position, int64_t input) const;
  int64_t outputs() const { return channel_count(shape, layout.output_axes); }
  int64_t positions() const { return element_count(shape) / outputs() / inputs(); }
};

// By decomposing every flat index, so that it shares nothing with the code under test.
int64_t Weight::at(int64_t output, int64_t position, int64_t input) const {
  std::vector<int64_t> index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    const auto a = static_cast<int64_t>(axis);
    int64_t* from = a == layout.input_axis                      ? &input
                    : std::ranges::count(layout.output_axes, a) ? &output
                                                                : &position;
    index[axis] = *from % shape[axis], *from /= shape[axis];
  }
  int64_t flat = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) flat = flat * shape[axis] + index[axis];
  return flat;
}

float largest_of(const FitTerms& limits, int64_t input) {
  const auto& all = limits.largest_input;
  return all.empty() ? 255.0f : all[all.size() == 1 ? 0 : static_cast<size_t>(input)];
}

// No input in [0, largest] may push a sum of two neighbours beyond int16: extremes are at the ends
// of the inputs.
void expect_no_overflow(const Weight& w, std::span<const float> fitted,
                        const std::vector<float>& scales, const FitTerms& limits) {
  for (int64_t o = 0; o < w.outputs(); ++o)
    for (int64_t s = 0; s < w.positions(); ++s)
      for (int64_t i = 0; i + 1 < w.inputs(); i += 2) {
        const auto integer = [&](int64_t input) {
          const double q =
              fitted[static_cast<size_t>(w.at(o, s, input))] / scales[static_cast<size_t>(o)];
          EXPECT_NEAR(q, std::nearbyint(q), 1e-3) << "the stored weight is no level";
          EXPECT_LE(std::fabs(q), 127.001);
          return std::nearbyint(q);
        };
        const double a = integer(i) * largest_of(limits, i),
                     b = integer(i + 1) * largest_of(limits, i + 1);
        for (double sum : {a + b, a, b})
          ASSERT_LE(std::fabs(sum), kInt16) << "output " << o << " inputs " << i;
      }
}

double squared_error(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return sum;
}

// What halving the range of each output channel would cost.
double half_range_error(const Weight& w) {
  std::vector<float> halved = w.values;
  const auto range =
      half_symmetric_range(extremes(w.values, w.shape, w.layout.output_axes).abs_max, 8, true);
  for_each_run(w.shape, w.layout.output_axes, [&](int64_t channel, int64_t first, int64_t count) {
    const auto c = static_cast<size_t>(channel);
    fake_quantize(std::span(halved).subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
                  range.low[c], range.high[c], range.levels);
  });
  return squared_error(halved, w.values);
}

std::vector<Weight> weights() {
  Random random(3);
  std::vector<Weight> out = {{{8, 6, 3, 3}, {{0}, 1}, {}},  // convolution
                             {{8, 5, 1, 1}, {{0}, 1}, {}},  // an input without a partner
                             {{6, 8, 2, 2}, {{1}, 0}, {}},  // transposed convolution
                             {{2, 4, 6, 3, 3}, {{0, 1}, 2}, {}}, {{2, 6, 4, 2, 2}, {{0, 2}, 1}, {}},
                             {{16, 12}, {{0}, 1}, {}},           {{12, 16}, {{1}, 0}, {}},
                             {{3, 8, 6}, {{0, 2}, 1}, {}}};
  for (Weight& w : out) w.values = random.normal(element_count(w.shape), 0.3f);
  return out;
}

TEST(Overflow, NoPairCanOverflowAndLittleIsLost) {
  for (const Weight& w : weights()) {
    std::vector<float> fitted = w.values;
    const auto scales = fit_weights(fitted, w.shape, w.layout, {});
    ASSERT_EQ(static_cast<int64_t>(scales.size()), w.outputs());
    expect_no_overflow(w, fitted, scales, {});
    EXPECT_LE(squared_error(fitted, w.values), half_range_error(w)) << to_string(w.shape);
  }
}

TEST(Overflow, EqualLargeWeightsAreTheWorstCase) {
  Weight w{{1, 8, 1, 1}, {{0}, 1}, std::vector<float>(8, 1.0f)};
  std::vector<float> fitted = w.values;
  const auto scales = fit_weights(fitted, w.shape, w.layout, {});
  expect_no_overflow(w, fitted, scales, {});
  EXPECT_LE(squared_error(fitted, w.values), half_range_error(w) + 1e-9);
}

// Far beyond int16, most steps are taken at once: the pair must be what trying all pairs of levels
// finds, up to the last step of either.
TEST(Overflow, PairsFarBeyondTheLimitArePulledInWhereItCostsLeast) {
  Random random(23);
  for (int attempt = 0; attempt < 50; ++attempt) {
    const FitTerms terms{127,
                         {random.real(200, 255), random.real(200, 255)},
                         {random.real(0.2f, 4), random.real(0.2f, 4)}};
    const std::vector<float> values = {random.real(0.8f, 1), random.real(0.8f, 1)};
    std::vector<float> fitted = values;
    const double scale = fit_weights(fitted, {1, 2, 1, 1}, {{0}, 1}, terms)[0];
    const auto error = [&](double a, double b) {
      return terms.importance[0] * std::pow(values[0] - a, 2) +
             terms.importance[1] * std::pow(values[1] - b, 2);
    };
    double best = 1e30;
    for (int a = 0; a <= 127; ++a)
      for (int b = 0; b <= 127; ++b)
        if (a * terms.largest_input[0] + b * terms.largest_input[1] <= kInt16)
          best = std::min(best, error(a * scale, b * scale));
    EXPECT_LE(std::sqrt(error(fitted[0], fitted[1])), std::sqrt(best) + 2 * scale)
        << values[0] << " " << values[1];
  }
}

// Kernels that go on with the next position pair the last input of one with the first of the next.
TEST(Overflow, AnOddNumberOfInputsPairsAcrossPositions) {
  Weight w{{4, 3, 3, 3}, {{0}, 1}, Random(5).normal(108, 0.3f)};
  for (float& value : w.values) value = std::fabs(value);
  std::vector<float> fitted = w.values;
  const auto scales = fit_weights(fitted, w.shape, w.layout, {127, {}, {}});
  for (int64_t o = 0; o < 4; ++o)
    for (int64_t k = 0; k + 1 < 27; ++k) {
      const float pair = fitted[static_cast<size_t>(w.at(o, k / 3, k % 3))] +
                         fitted[static_cast<size_t>(w.at(o, (k + 1) / 3, (k + 1) % 3))];
      ASSERT_LE(255 * std::nearbyint(pair / scales[static_cast<size_t>(o)]), kInt16)
          << "output " << o << " at " << k;
    }
}

TEST(Overflow, SmallInputsSetNoLimits) {
  for (const Weight& w : weights()) {
    std::vector<float> fitted = w.values;
    const FitTerms limits{127, {100.0f}, {}};  // 2 * 127 * 100 fits into int16
    const auto scales = fit_weights(fitted, w.shape, w.layout, limits);
    expect_no_overflow(w, fitted, scales, limits);
    std::vector<float> free = w.values;
    EXPECT_EQ(fit_weights(free, w.shape, w.layout, {127, {0.0f}, {}}), scales);
    EXPECT_EQ(free, fitted);
  }
}

TEST(Overflow, LimitsHoldForEveryInput) {
  Random random(9);
  for (const Weight& w : weights()) {
    FitTerms limits;
    for (int64_t i = 0; i < w.inputs(); ++i) {
      limits.largest_input.push_back(random.real(1, 255));
      limits.importance.push_back(random.real(0, 4));
    }
    std::vector<float> fitted = w.values;
    const auto scales = fit_weights(fitted, w.shape, w.layout, limits);
    expect_no_overflow(w, fitted, scales, limits);
  }
}

TEST(Overflow, OppositeSignsCannotOverflow) {
  Weight w{{1, 2, 1, 1}, {{0}, 1}, {1.0f, -1.0f}};
  std::vector<float> fitted = w.values;
  const auto scales = fit_weights(fitted, w.shape, w.layout, {});
  EXPECT_FLOAT_EQ(scales[0], 1.0f / 127);
  EXPECT_FLOAT_EQ(fitted[0], 1.0f);
}

// The importance of inputs decides, so it is part of the error that must not grow.
TEST(WeightFit, NeverWorseThanTheScaleOfTheLargestWeight) {
  Random random(17);
  for (const int bits : {8, 4})
    for (const Weight& w : weights()) {
      FitTerms terms{static_cast<float>((1 << (bits - 1)) - 1), {0.0f}, {}};
      for (int64_t i = 0; i < w.inputs(); ++i) terms.importance.push_back(random.real(0.1f, 4));
      std::vector<float> fitted = w.values, nearest = w.values;
      fit_weights(fitted, w.shape, w.layout, terms);
      const auto largest = extremes(w.values, w.shape, w.layout.output_axes).abs_max;
      double best = 0, plain = 0;
      for (int64_t o = 0; o < w.outputs(); ++o)
        for (int64_t s = 0; s < w.positions(); ++s)
          for (int64_t i = 0; i < w.inputs(); ++i) {
            const auto at = static_cast<size_t>(w.at(o, s, i));
            const double scale = largest[static_cast<size_t>(o)] / terms.top;
            const double rounded = std::nearbyint(w.values[at] / scale) * scale;
            const double importance = terms.importance[static_cast<size_t>(i)];
            best += importance * std::pow(w.values[at] - static_cast<double>(fitted[at]), 2);
            plain += importance * std::pow(w.values[at] - rounded, 2);
          }
      EXPECT_LT(best, plain) << to_string(w.shape) << " " << bits;
    }
}

}  // namespace
}  // namespace eightbit::algorithms
