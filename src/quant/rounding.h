// Rounding of weights to the levels of a symmetric quantizer: integers within +-top, weight = integer * scale.
#pragma once

#include <algorithm>
#include <span>

namespace eightbit {

// round_half_even(w / scale), within +-top; top is far below 2^22.
inline float rounded_level(float w, float scale, float top) {
  constexpr float kWhole = 12582912.0f;   // 1.5 * 2^23: floats of this size are whole numbers
  const float level = std::clamp(w / scale, -top, top);
  return (level + kWhole) - kWhole;
}

// The sum of importance * (w - integer * scale)^2; `importance` is as long as `weights`. Summed in f32, by lanes: fit
// for comparing scales.
double rounding_error(std::span<const float> weights, std::span<const float> importance, float scale, float top);

}  // namespace eightbit
