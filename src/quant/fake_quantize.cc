#include "quant/fake_quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eightbit {
namespace {

// Channels that are nearly dead get 1 % of the largest one, so that their scales stay finite and sensible.
std::vector<float> floored(std::span<const float> abs_max) {
  const float largest = abs_max.empty() ? 0.0f : *std::ranges::max_element(abs_max);
  const float floor = std::max(0.01f * largest, 8e-5f);
  std::vector<float> out(abs_max.begin(), abs_max.end());
  for (float& value : out) value = std::max(value, floor);
  return out;
}

// Moves one end outwards so that 0 falls on a level.
std::pair<float, float> tune_zero(float low, float high, int top) {
  const float q = std::nearbyint(-low * static_cast<float>(top) / (high - low));
  const float moved_low = q < static_cast<float>(top) ? q / (q - static_cast<float>(top)) * high : low;
  const float moved_high = q > 0.0f ? (q - static_cast<float>(top)) / q * low : high;
  if (high - moved_low > moved_high - low) return {moved_low, high};
  return {low, moved_high};
}

}  // namespace

int levels_of(int bits, bool narrow_range) { return (1 << bits) - (narrow_range ? 1 : 0); }

QuantizedRange symmetric_range(std::span<const float> min, std::span<const float> abs_max, int bits, bool narrow_range,
                               std::optional<bool> signedness) {
  QuantizedRange range{{}, floored(abs_max), levels_of(bits, narrow_range)};
  const bool negative = std::ranges::any_of(min, [](float x) { return x < 0; });
  const bool is_signed = signedness.value_or(negative) || negative;
  const auto levels = static_cast<float>(range.levels);
  const float ratio = !is_signed ? 0.0f : narrow_range ? -1.0f : -levels / (levels - 2.0f);
  for (float high : range.high) range.low.push_back(high * ratio);
  return range;
}

QuantizedRange half_symmetric_range(std::span<const float> abs_max, int bits, bool narrow_range) {
  const int half_levels = levels_of(bits - 1, false);
  QuantizedRange range{{}, floored(abs_max), levels_of(bits, narrow_range)};
  const float ratio = narrow_range ? -1.0f : -static_cast<float>(half_levels) / static_cast<float>(half_levels - 2);
  const float stretch = static_cast<float>(range.levels - 1) / static_cast<float>(half_levels - 1);
  for (float& high : range.high) {
    range.low.push_back(high * ratio * stretch);
    high *= stretch;
  }
  return range;
}

QuantizedRange asymmetric_range(std::span<const float> min, std::span<const float> max, int bits, bool narrow_range) {
  constexpr float kSmallest = 8e-4f;
  QuantizedRange range{{}, {}, levels_of(bits, narrow_range)};
  for (size_t c = 0; c < min.size(); ++c) {
    float low = min[c], high = max[c];
    if (high - low <= kSmallest) low -= kSmallest, high += kSmallest;
    const auto [tuned_low, tuned_high] = tune_zero(std::min(low, 0.0f), std::max(high, 0.0f), range.levels - 1);
    range.low.push_back(tuned_low);
    range.high.push_back(tuned_high);
  }
  return range;
}

float largest_fp8(FP8Type type) { return type == FP8Type::f8e4m3 ? 448.0f : 57344.0f; }

std::vector<float> fp8_scale(std::span<const float> min, std::span<const float> max, FP8Type type, bool halve) {
  std::vector<float> scale;
  for (size_t c = 0; c < min.size(); ++c) {
    const float extreme = std::max(max[c], std::fabs(min[c]) + std::numeric_limits<float>::epsilon());
    scale.push_back(largest_fp8(type) / extreme * (halve ? 0.5f : 1.0f));
  }
  return scale;
}

float fake_quantize(float x, float low, float high, int levels) {
  if (x <= std::min(low, high)) return low;
  if (x > std::max(low, high)) return high;
  const auto top = static_cast<float>(levels - 1);
  return std::nearbyint((x - low) / (high - low) * top) / top * (high - low) + low;
}

void fake_quantize(std::span<float> values, float low, float high, int levels) {
  const auto top = static_cast<float>(levels - 1);
  const float width = high - low;
  constexpr float kRound = 12582912.0f;   // 1.5 * 2^23: adding and subtracting it rounds half to even, in SIMD
  if (levels > 65536 || !(width > 0)) {
    for (float& value : values) value = fake_quantize(value, low, high, levels);
    return;
  }
  for (float& value : values) {
    const float clipped = std::min(std::max(value, low), high);
    value = (((clipped - low) / width * top + kRound) - kRound) / top * width + low;
  }
}

ScaleZeroPoint scale_zero_point(float low, float high, int levels, int32_t q_min) {
  const float scale = std::max((high - low) / static_cast<float>(levels - 1), std::numeric_limits<float>::min());
  const auto zero = static_cast<int32_t>(std::nearbyint(static_cast<float>(q_min) - low / scale));
  return {scale, std::clamp(zero, q_min, q_min + levels - 1)};
}

}  // namespace eightbit
