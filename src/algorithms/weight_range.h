// Ranges of weights that weights_range_estimator_params ask for, by channel.
#pragma once

#include <eightbit/options.h>

#include <span>
#include <vector>

#include "quant/channels.h"
#include "quant/plan.h"

namespace eightbit::algorithms {

// The extremes that the quantizer of these values is to cover. A weight is one tensor, so of the
// aggregators only `histogram` means something: the range of least expected squared error, for each
// channel. In a symmetric scheme the upper end is that of |x|, and stands in `abs_max`.
Extremes estimated_extremes(std::span<const float> values, const Shape& shape,
                            const Quantizer& quantizer, const RangeEstimatorParameters& params);

// `value` within the estimator's clipping_value, if it has one.
float clipped(float value, const StatisticsCollectorParameters& params);

// Moves the values of each channel into +-limits.
void clip_channels(std::span<float> values, const Shape& shape, const std::vector<int64_t>& axes,
                   const std::vector<float>& limits);

}  // namespace eightbit::algorithms
