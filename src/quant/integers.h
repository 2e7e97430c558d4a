// The integers that a quantized constant is stored as:
//   q = round_half_even((x - low) / (high - low) * (levels - 1)) for x in (low, high],
//   0 below, levels - 1 above
// stored as q + offset. They hold exactly what FakeQuantize rounds to.
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "quant/plan.h"

namespace eightbit {

// value = (stored - zero_point) * scale; one entry, or one for each channel.
struct Affine {
  std::vector<float> scale, zero_point;
  bool symmetric = true;  // every zero point is 0
  bool integral = true;   // every zero point is an integer, up to the rounding of a f32 range
};
Affine affine_of(const Quantizer& quantizer, int offset);

// Stored integers of all elements of a tensor of `shape`. Stored: int8_t (levels up to 256; wraps
// for unsigned storage) or int16_t.
template <typename Stored>
std::vector<Stored> integers(std::span<const float> values, const Shape& shape,
                             const Quantizer& quantizer, int offset);

}  // namespace eightbit
