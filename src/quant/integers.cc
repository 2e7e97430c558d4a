#include "quant/integers.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace eightbit {
namespace {

// Zero points this close to an integer are that integer, up to the rounding of a f32 range.
constexpr float kZeroPointTolerance = 1e-3f;

int32_t quantize(float x, float low, float high, float steps) {
  if (!(x > low)) return 0;
  if (x > high) return static_cast<int32_t>(steps);
  return static_cast<int32_t>(std::nearbyintf((x - low) / (high - low) * steps));
}

// How far the channel index moves with a step along each axis of the tensor.
std::vector<size_t> channel_strides(const Shape& shape, const Quantizer& quantizer) {
  std::vector<size_t> strides(shape.size(), 0);
  if (quantizer.low.size() <= 1) return strides;
  size_t stride = 1;
  const auto rank = static_cast<int64_t>(shape.size());
  const auto is_channel = [&](int64_t axis) {  // axes may count from the back
    return std::ranges::any_of(quantizer.channel_axes,
                               [&](int64_t a) { return a == axis || a + rank == axis; });
  };
  for (int64_t axis = rank; axis-- > 0;) {
    if (!is_channel(axis)) continue;
    const auto extent = static_cast<size_t>(shape[static_cast<size_t>(axis)]);
    if (extent > 1) strides[static_cast<size_t>(axis)] = stride;
    stride *= extent;
  }
  return strides;
}

// A tensor as rows along its last axis. The channel index moves by `strides` with a step along each
// axis.
struct Rows {
  std::vector<size_t> extents, strides;

  // Neighbouring axes along which the channel stays the same are one: rows get as long as they can.
  Rows(const Shape& shape, const std::vector<size_t>& channel_strides) {
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const auto extent = static_cast<size_t>(shape[axis]);
      if (axis > 0 && strides.back() == 0 && channel_strides[axis] == 0) {
        extents.back() *= extent;
      } else {
        extents.push_back(extent);
        strides.push_back(channel_strides[axis]);
      }
    }
    if (shape.empty()) extents = {1}, strides = {0};
  }

  // Index of the channel of the first element of `row`.
  size_t channel(size_t row) const {
    size_t channel = 0;
    for (size_t axis = extents.size() - 1; axis-- > 0;) {
      channel += row % extents[axis] * strides[axis];
      row /= extents[axis];
    }
    return channel;
  }
};

}  // namespace

Affine affine_of(const Quantizer& quantizer, int offset) {
  Affine affine;
  for (size_t i = 0; i < quantizer.low.size(); ++i) {
    const float scale =
        (quantizer.high[i] - quantizer.low[i]) / static_cast<float>(quantizer.levels - 1);
    const float exact = static_cast<float>(offset) - quantizer.low[i] / scale;
    const bool integral = std::abs(exact - std::nearbyintf(exact)) < kZeroPointTolerance;
    const float zero_point = integral ? std::nearbyintf(exact) : exact;
    affine.scale.push_back(scale);
    affine.zero_point.push_back(zero_point);
    affine.symmetric &= zero_point == 0.0f;
    affine.integral &= integral;
  }
  return affine;
}

template <typename Stored>
std::vector<Stored> integers(std::span<const float> values, const Shape& shape,
                             const Quantizer& quantizer, int offset) {
  std::vector<Stored> out(values.size());
  const Rows shaped(shape, channel_strides(shape, quantizer));
  const size_t width = shaped.extents.back(), step = shaped.strides.back();
  const auto steps = static_cast<float>(quantizer.levels - 1);
  const auto quantize_row = [&](size_t row) {
    size_t channel = shaped.channel(row);
    for (size_t i = row * width; i < (row + 1) * width; ++i, channel += step)
      out[i] = static_cast<Stored>(
          quantize(values[i], quantizer.low[channel], quantizer.high[channel], steps) + offset);
  };
  constexpr size_t kValuesPerTask = 4096;
  const size_t rows = width ? values.size() / width : 0;
  const size_t together = width ? (kValuesPerTask + width - 1) / width : 1;
  parallel_for(static_cast<int64_t>((rows + together - 1) / together), [&](int64_t task) {
    const size_t first = static_cast<size_t>(task) * together;
    for (size_t row = first; row < std::min(rows, first + together); ++row) quantize_row(row);
  });
  return out;
}

template std::vector<int8_t> integers<int8_t>(std::span<const float>, const Shape&,
                                              const Quantizer&, int);
template std::vector<int16_t> integers<int16_t>(std::span<const float>, const Shape&,
                                                const Quantizer&, int);

}  // namespace eightbit
