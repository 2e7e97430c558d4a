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

// Index of the channel of the first element of `row`, a row being a stretch along the last axis.
size_t channel_of_row(size_t row, const Shape& shape, const std::vector<size_t>& strides) {
  size_t channel = 0;
  for (size_t axis = shape.size() - 1; axis-- > 0;) {
    const auto extent = static_cast<size_t>(shape[axis]);
    channel += row % extent * strides[axis];
    row /= extent;
  }
  return channel;
}

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
  const Shape rows_of = shape.empty() ? Shape{1} : shape;
  const auto strides = channel_strides(rows_of, quantizer);
  const auto width = static_cast<size_t>(rows_of.back());
  const size_t step = strides.back();
  const auto steps = static_cast<float>(quantizer.levels - 1);
  const auto quantize_row = [&](size_t row) {
    size_t channel = channel_of_row(row, rows_of, strides);
    for (size_t i = row * width; i < (row + 1) * width; ++i, channel += step)
      out[i] = static_cast<Stored>(
          quantize(values[i], quantizer.low[channel], quantizer.high[channel], steps) + offset);
  };
  constexpr size_t kRowsPerTask = 256;
  const size_t rows = width ? values.size() / width : 0;
  parallel_for(static_cast<int64_t>((rows + kRowsPerTask - 1) / kRowsPerTask), [&](int64_t task) {
    const size_t first = static_cast<size_t>(task) * kRowsPerTask;
    for (size_t row = first; row < std::min(rows, first + kRowsPerTask); ++row) quantize_row(row);
  });
  return out;
}

template std::vector<int8_t> integers<int8_t>(std::span<const float>, const Shape&,
                                              const Quantizer&, int);
template std::vector<int16_t> integers<int16_t>(std::span<const float>, const Shape&,
                                                const Quantizer&, int);

}  // namespace eightbit
