// Every formula of quantization, once. Ranges in double, rounded to f32 at the end; values in f32,
// as runtimes do it.
//
// FakeQuantize(x, low, high, levels): with step = (high - low) / (levels - 1)
//   x <= min(low, high) -> low;  x > max(low, high) -> high;
//   else round_half_even((x - low) / step) * step + low
// (OpenVINO operation set, FakeQuantize-1). Ranges follow the formulas of nncf.quantize 3.4
// (docs/quantization.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "quant/scheme.h"

namespace eightbit {

struct QuantizedRange {
  std::vector<float> low, high;  // one, or one a channel
  int levels = 256;
};

// 2^bits; one less for a narrow range.
int levels_of(int bits, bool narrow_range);
// The largest signed integer of so many bits.
int largest_level(int bits);

// How narrow a range may be. `absolute`: NNCF's limits, in the unit of the data, below which a
// tensor becomes zeros. `relative`: these hold for tensors that are zero alone, and so may one side
// of 0 be: less than half a step is nothing.
enum class Narrowest : uint8_t { absolute, relative };

// Symmetric range from measured extremes. min: decides the sign unless `signedness` forces it; max:
// largest |x|.
//   high = max(abs_max, 0.01 * max over channels, 8e-5)
//   signed: low = -high * levels / (levels - 2), or -high for a narrow range; unsigned: low = 0
QuantizedRange symmetric_range(std::span<const float> min, std::span<const float> abs_max, int bits,
                               bool narrow_range, std::optional<bool> signedness,
                               Narrowest narrowest = Narrowest::absolute);

// Asymmetric range, widened to at least 1.6e-3, to hold 0, and tuned so that 0 falls on a level
// exactly (`absolute`: unless one end is nearer to it than half a step). Runtimes round zero
// points: between levels, 0 moves all values by what is rounded off.
QuantizedRange asymmetric_range(std::span<const float> min, std::span<const float> max, int bits,
                                bool narrow_range, Narrowest narrowest = Narrowest::absolute);

// Half range: integer weights within +-64, so that pairs of u8 x s8 products fit into int16. The
// range of one bit less, stretched to the full number of levels: 2 for a narrow range, 255/127
// otherwise.
QuantizedRange half_symmetric_range(std::span<const float> abs_max, int bits, bool narrow_range);

// FakeConvert: scale = largest(type) / max(max, |min|), halved per tensor (activations).
std::vector<float> fp8_scale(std::span<const float> min, std::span<const float> max, FP8Type type,
                             bool halve);
float largest_fp8(FP8Type type);  // 448 and 57344

// One value through FakeQuantize.
float fake_quantize(float x, float low, float high, int levels);
// A channel of weights in place.
void fake_quantize(std::span<float> values, float low, float high, int levels);

// Scale and zero point of a range: x ~ (q - zero_point) * scale with q in [q_min, q_min + levels -
// 1].
struct ScaleZeroPoint {
  float scale = 0;
  int32_t zero_point = 0;
};
ScaleZeroPoint scale_zero_point(float low, float high, int levels, int32_t q_min);

}  // namespace eightbit
