#include "quant/fake_quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/rounding.h"

namespace eightbit {
namespace {

// Steps of less are no normal f32.
constexpr double kNothing = 1e-35;

// Channels that are nearly dead get 1 % of the largest one, so that their scales stay finite and
// sensible.
std::vector<double> floored(std::span<const float> abs_max,
                            Narrowest narrowest = Narrowest::absolute) {
  const double largest = abs_max.empty() ? 0.0 : *std::ranges::max_element(abs_max);
  const bool counts = narrowest == Narrowest::relative && largest > kNothing;
  const double floor = std::max(0.01 * largest, counts ? kNothing : 8e-5);
  std::vector<double> out(abs_max.begin(), abs_max.end());
  for (double& value : out) value = std::max(value, floor);
  return out;
}

void append(QuantizedRange& range, double low, double high) {
  range.low.push_back(static_cast<float>(low));
  range.high.push_back(static_cast<float>(high));
}

// Moves one end outwards so that 0 falls on a level. An end nearer to 0 than half a step stays with
// NNCF, and 0 is on no level; else it becomes 0, which is what values beyond it are rounded to.
std::pair<double, double> tune_zero(double low, double high, int top, Narrowest narrowest) {
  const double q = std::nearbyint(-low * top / (high - low));
  if (narrowest == Narrowest::relative && q == 0) return {0.0, high};
  if (narrowest == Narrowest::relative && q == top) return {low, 0.0};
  const double moved_low = q < top ? q / (q - top) * high : low;
  const double moved_high = q > 0 ? (q - top) / q * low : high;
  if (high - moved_low > moved_high - low) return {moved_low, high};
  return {low, moved_high};
}

}  // namespace

int largest_level(int bits) { return (1 << (bits - 1)) - 1; }
int levels_of(int bits, bool narrow_range) { return (1 << bits) - (narrow_range ? 1 : 0); }

QuantizedRange symmetric_range(std::span<const float> min, std::span<const float> abs_max, int bits,
                               bool narrow_range, std::optional<bool> signedness,
                               Narrowest narrowest) {
  QuantizedRange range{{}, {}, levels_of(bits, narrow_range)};
  const bool negative = std::ranges::any_of(min, [](float x) { return x < 0; });
  const bool is_signed = signedness.value_or(negative) || negative;
  const double levels = range.levels;
  const double ratio = !is_signed ? 0.0 : narrow_range ? -1.0 : -levels / (levels - 2);
  for (double high : floored(abs_max, narrowest)) append(range, high * ratio, high);
  return range;
}

QuantizedRange half_symmetric_range(std::span<const float> abs_max, int bits, bool narrow_range) {
  const double half_levels = levels_of(bits - 1, false);
  QuantizedRange range{{}, {}, levels_of(bits, narrow_range)};
  const double ratio = narrow_range ? -1.0 : -half_levels / (half_levels - 2);
  const double stretch = (range.levels - 1) / (half_levels - 1);
  for (double high : floored(abs_max)) append(range, high * ratio * stretch, high * stretch);
  return range;
}

QuantizedRange asymmetric_range(std::span<const float> min, std::span<const float> max, int bits,
                                bool narrow_range, Narrowest narrowest) {
  constexpr double kSmallest = 8e-4;
  QuantizedRange range{{}, {}, levels_of(bits, narrow_range)};
  for (size_t c = 0; c < min.size(); ++c) {
    double low = min[c], high = max[c];
    const bool counts = narrowest == Narrowest::relative &&
                        std::max(high, 0.0) - std::min(low, 0.0) > 256 * kNothing;
    if (!counts && high - low <= kSmallest) low -= kSmallest, high += kSmallest;
    const auto [tuned_low, tuned_high] =
        tune_zero(std::min(low, 0.0), std::max(high, 0.0), range.levels - 1, narrowest);
    append(range, tuned_low, tuned_high);
  }
  return range;
}

float largest_fp8(FP8Type type) { return type == FP8Type::f8e4m3 ? 448.0f : 57344.0f; }

std::vector<float> fp8_scale(std::span<const float> min, std::span<const float> max, FP8Type type,
                             bool halve) {
  std::vector<float> scale;
  for (size_t c = 0; c < min.size(); ++c) {
    const double lowest =
        std::fabs(static_cast<double>(min[c])) + std::numeric_limits<float>::epsilon();
    const double extreme = std::max(static_cast<double>(max[c]), lowest);
    scale.push_back(static_cast<float>(largest_fp8(type) / extreme * (halve ? 0.5 : 1.0)));
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
  if (levels > 65536 || !(width > 0)) {
    for (float& value : values) value = fake_quantize(value, low, high, levels);
    return;
  }
  for (float& value : values) {
    const float clipped = std::min(std::max(value, low), high);
    value = round_half_even((clipped - low) / width * top) / top * width + low;
  }
}

ScaleZeroPoint scale_zero_point(float low, float high, int levels, int32_t q_min) {
  const double width = static_cast<double>(high) - low;
  const double scale =
      std::max(width / (levels - 1), static_cast<double>(std::numeric_limits<float>::min()));
  const double zero = std::clamp(std::nearbyint(q_min - low / scale), static_cast<double>(q_min),
                                 q_min + levels - 1.0);
  return {static_cast<float>(scale), static_cast<int32_t>(zero)};
}

}  // namespace eightbit
