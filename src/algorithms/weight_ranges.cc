#include "algorithms/weight_ranges.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "algorithms/weight_fit.h"
#include "base/parallel.h"
#include "base/spill.h"
#include "graph/roles.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"
#include "records/quantile.h"
#include "records/range_estimator.h"

namespace eightbit::algorithms {
namespace {

using records::clipped;

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

// The extremes that the quantizer of these values is to cover, as weights_range_estimator_params
// ask. A weight is one tensor, so of the aggregators only `histogram` means something: the range of
// least expected squared error, for each channel. In a symmetric scheme the upper end is that of
// |x|, and stands in `abs_max`.
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

// Moves the values of each channel into +-limits.
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

}  // namespace

void WeightRanges::find(Quantizer& q) {
  const Tensor tensor = weight_of(graph_, plan_, q.value, q.uses.front());
  std::vector<float> values = to_floats(tensor);
  const auto& user = options_.advanced_parameters.weights_range_estimator_params;
  const Extremes found = user.empty() ? extremes(values, tensor.shape, q.channel_axes)
                                      : estimated_extremes(values, tensor.shape, q, user);
  if (q.spec.fp8) {
    q.scale = fp8_scale(found.min, found.max, *q.spec.fp8, false);
    return;
  }
  if (q.spec.mode == QuantizationScheme::asymmetric) return ranges_.set(q, found.min, found.max);
  if (halved(q))
    return RangeSetter::assign(
        q, half_symmetric_range(found.abs_max, q.spec.bits, q.spec.narrow_range));
  if (terms_.searches_scale(q) && (user.empty() || terms_.overflows(q))) {
    if (!user.empty()) clip_channels(values, tensor.shape, q.channel_axes, found.abs_max);
    return search_scale(q, std::move(values), tensor.shape);
  }
  if (terms_.overflows(q))
    return RangeSetter::assign(
        q, half_symmetric_range(found.abs_max, q.spec.bits, q.spec.narrow_range));
  ranges_.set(q, found.min, found.abs_max);
}

bool WeightRanges::halved(const Quantizer& q) {
  if (q.spec.bits != 8 || q.group != kNone || !terms_.fix() || terms_.fix() == OverflowFix::disable)
    return false;
  if (terms_.fix() == OverflowFix::enable)
    return std::ranges::any_of(
        q.uses, [&](Use use) { return has(graph_.node(use.node).op, kOverflowSet); });
  return std::ranges::any_of(q.uses, [&](Use use) { return first_layers().contains(use.node); });
}

// The first convolutions met on the way down from each input.
const std::map<NodeId, bool>& WeightRanges::first_layers() {
  if (first_layers_) return *first_layers_;
  std::map<NodeId, bool> found;
  Indexed<NodeId, bool> seen(graph_.nodes.size());
  // topological order: one sweep carries "reached" downwards
  for (const Node& node : graph_.nodes) {
    const auto id = static_cast<size_t>(node.id);
    if (node.op == Op::parameter) seen[id] = true;
    for (NodeId before : graph_.predecessors(node.id)) seen[id] = seen[id] || seen[before];
    if (!seen[id] || !has(node.op, kFirstLayerConv)) continue;
    const int32_t port = weight_port(graph_, node.id);
    if (port == kNone) continue;
    found[node.id] = true;
    seen[id] = false;
  }
  return first_layers_.emplace(std::move(found));
}

void WeightRanges::search_scale(Quantizer& q, std::vector<float> values, const Shape& shape) {
  const WeightAxes axes = weight_axes(graph_, *terms_.product_of(q));
  q.levels = levels_of(q.spec.bits, q.spec.narrow_range);
  const auto top = static_cast<float>(largest_level(q.spec.bits));
  q.low.clear();
  q.high.clear();
  for (float scale : fit_weights(values, shape, axes, terms_.of(q, shape, axes, top))) {
    q.high.push_back(top * scale);
    q.low.push_back((q.spec.narrow_range ? -top : -top - 1) * scale);
  }
  round_constant(plan_, q.value, q.uses, spilled_floats(values, shape));
}

}  // namespace eightbit::algorithms
