// Rounding of weights to the levels of a symmetric quantizer: integers within +-top, weight =
// integer * scale.
#pragma once

#include <algorithm>
#include <span>

namespace eightbit {

// For |x| below 2^22; compilers turn it into SIMD, which they do not with std::nearbyint.
inline float round_half_even(float x) {
  constexpr float kWhole = 12582912.0f;  // 1.5 * 2^23: floats of this size are whole numbers
  return (x + kWhole) - kWhole;
}

// round_half_even(w / scale), within +-top; top is far below 2^22.
inline float rounded_level(float w, float scale, float top) {
  return round_half_even(std::clamp(w / scale, -top, top));
}

// The sum of importance * (w - integer * scale)^2; `importance` is as long as `weights`. Summed in
// f32, by lanes: fit for comparing scales.
double rounding_error(std::span<const float> weights, std::span<const float> importance,
                      float scale, float top);

// A row of a matrix whose columns have scales of their own, times `factor`: what it weighs and what
// rounding takes from it.
struct RowError {
  float energy = 0;  // sum of squares
  float missed = 0;  // sum of squared rounding errors
};
// `inverse`: 1 / step, or 0 for empty columns. Summed in f32, by lanes.
RowError row_error(std::span<const float> row, float factor, std::span<const float> step,
                   std::span<const float> inverse);
// largest[n] = max(largest[n], |row[n] * factor|)
void raise_to(std::span<float> largest, std::span<const float> row, float factor);

}  // namespace eightbit
