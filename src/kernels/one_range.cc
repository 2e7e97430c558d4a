#include "kernels/one_range.h"

#include <algorithm>
#include <cmath>

namespace eightbit {
namespace {

// One range that holds those of all channels, moved so that zero is one of its levels.
Quantizer joined(Quantizer quantizer) {
  const float low = std::min(0.0f, *std::ranges::min_element(quantizer.low));
  const float high = std::max(0.0f, *std::ranges::max_element(quantizer.high));
  const float steps = static_cast<float>(quantizer.levels - 1), step = (high - low) / steps;
  const float below = step > 0 ? std::nearbyint(-low / step) : 0.0f;
  quantizer.channel_axes.clear();
  quantizer.low = {-below * step};
  quantizer.high = {(steps - below) * step};
  return quantizer;
}

}  // namespace

Quantizer with_one_range(const Quantizer& quantizer) {
  constexpr double kMostNoise = 5.0;
  if (quantizer.weight || quantizer.low.size() < 2 || quantizer.levels > 256) return quantizer;
  Quantizer one = joined(quantizer);
  double noise = 0;
  for (size_t c = 0; c < quantizer.low.size(); ++c)
    noise += std::pow(quantizer.high[c] - quantizer.low[c], 2);
  noise /= static_cast<double>(quantizer.low.size());
  return std::pow(one.high[0] - one.low[0], 2) <= kMostNoise * noise ? one : quantizer;
}

}  // namespace eightbit
