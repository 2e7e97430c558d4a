#include "algorithms/weight_range.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "quant/fake_quantize.h"
#include "records/quantile.h"
#include "records/range_estimator.h"

namespace eightbit::algorithms {
namespace {

struct Ends {
  float low = 0, high = 0;
};

float end_of(std::vector<float> values, const StatisticsCollectorParameters& p, bool upper,
             bool symmetric) {
  const auto quantile = records::quantile_of(p, upper, symmetric);
  const auto type = p.statistics_type.value_or(upper ? StatisticsType::max : StatisticsType::min);
  const bool magnitudes = quantile ? *quantile < 0
                                   : type == StatisticsType::abs_max ||
                                         (upper && symmetric && type == StatisticsType::max);
  if (magnitudes)
    std::ranges::transform(values, values.begin(), [](float x) { return std::fabs(x); });
  if (quantile) return static_cast<float>(records::quantile(values, std::fabs(*quantile)));
  return type == StatisticsType::min ? std::ranges::min(values) : std::ranges::max(values);
}

Ends searched(const std::vector<float>& values, const Quantizer& q,
              const RangeEstimatorParameters& params) {
  Histogram histogram;
  histogram.counts.resize(Histogram::kBins);
  for (float x : values) ++histogram.counts[static_cast<size_t>(Histogram::bin(x))];
  const auto range =
      records::least_error_range(histogram, clipped(std::ranges::min(values), params.min),
                                 clipped(std::ranges::max(values), params.max),
                                 levels_of(q.spec.bits, q.spec.narrow_range), q.spec.mode);
  return {range.low, range.high};
}

Ends ends_of(const std::vector<float>& values, const Quantizer& q,
             const RangeEstimatorParameters& params) {
  if (params.max.aggregator_type == AggregatorType::histogram) return searched(values, q, params);
  const bool symmetric = q.spec.mode == QuantizationScheme::symmetric;
  return {clipped(end_of(values, params.min, false, symmetric), params.min),
          clipped(end_of(values, params.max, true, symmetric), params.max)};
}

}  // namespace

float clipped(float value, const StatisticsCollectorParameters& p) {
  if (!p.clipping_value) return value;
  const auto limit = static_cast<float>(*p.clipping_value);
  return std::clamp(value, -limit, limit);
}

Extremes estimated_extremes(std::span<const float> values, const Shape& shape, const Quantizer& q,
                            const RangeEstimatorParameters& params) {
  std::vector<std::vector<float>> channels(
      static_cast<size_t>(channel_count(shape, q.channel_axes)));
  for_each_run(shape, q.channel_axes, [&](int64_t channel, int64_t first, int64_t count) {
    auto& of = channels[static_cast<size_t>(channel)];
    of.insert(of.end(), values.begin() + first, values.begin() + first + count);
  });
  Extremes out{std::vector<float>(channels.size()), std::vector<float>(channels.size()), {}};
  parallel_for(static_cast<int64_t>(channels.size()), [&](int64_t i) {
    const auto c = static_cast<size_t>(i);
    const Ends ends = ends_of(channels[c], q, params);
    out.min[c] = ends.low;
    out.max[c] = ends.high;
  });
  const bool symmetric = q.spec.mode == QuantizationScheme::symmetric;
  for (size_t c = 0; c < channels.size(); ++c)
    out.abs_max.push_back(symmetric ? out.max[c]
                                    : std::max(std::fabs(out.min[c]), std::fabs(out.max[c])));
  return out;
}

void clip_channels(std::span<float> values, const Shape& shape, const std::vector<int64_t>& axes,
                   const std::vector<float>& limits) {
  for_each_run(shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
    const float limit = limits[static_cast<size_t>(channel)];
    for (int64_t i = first; i < first + count; ++i) {
      float& x = values[static_cast<size_t>(i)];
      x = std::clamp(x, -limit, limit);
    }
  });
}

}  // namespace eightbit::algorithms
