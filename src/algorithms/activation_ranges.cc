#include "algorithms/activation_ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "algorithms/measured.h"
#include "base/error.h"
#include "quant/fake_quantize.h"
#include "records/quantile.h"
#include "records/range_estimator.h"

namespace eightbit::algorithms {
namespace {

using records::clipped;
using records::StatisticsData;

bool asks_histogram(const RangeEstimatorParameters& p) {
  return p.min.aggregator_type == AggregatorType::histogram ||
         p.max.aggregator_type == AggregatorType::histogram;
}

// Which number of a sample, and how to join samples, for one end of a range.
StatisticsCollectorParameters estimator(StatisticsCollectorParameters user,
                                        StatisticsType statistics, AggregatorType aggregator) {
  user.statistics_type = user.statistics_type.value_or(statistics);
  user.aggregator_type = user.aggregator_type.value_or(aggregator);
  return user;
}

// As if every value below `floor`, which is negative, had been `floor`.
Histogram raised(Histogram histogram, float floor) {
  const auto last = static_cast<size_t>(Histogram::bin(floor));
  for (size_t i = last + 1; i < histogram.counts.size(); ++i)
    histogram.counts[last] += std::exchange(histogram.counts[i], 0);
  return histogram;
}

constexpr double kClearlyBetter = 1.5;  // errors below it do not pay for a zero point

class ActivationRange {
 public:
  ActivationRange(const Graph& graph, const StatisticsData& statistics,
                  const QuantizeOptions& options, const Plan& plan, RangeSetter& ranges)
      : graph_(graph), statistics_(statistics), options_(options), plan_(plan), ranges_(ranges) {}

  void find(Quantizer& q) {
    const Measured measured(graph_, statistics_, plan_, q.value, q.uses.front());
    if (uses_histogram(q.spec, options_) && !measured.histogram().empty())
      return from_histogram(q, measured);
    if (uses_histogram(q.spec, options_))
      if (const auto range = measured.scaled_range()) return from_extremes(q, *range);
    if (q.spec.per_channel) return by_channel(q, measured);
    estimated(q, measured);
  }

 private:
  // Below its floor an op yields the same for all inputs, hard swish 0, or nearly: swish -0.03 to
  // 0.
  static float floor_of(Op op) {
    if (op == Op::swish) return -5.0f;
    return op == Op::hswish ? -3.0f : -std::numeric_limits<float>::infinity();
  }

  float floor_of_readers(const Quantizer& q) const {
    float least = std::numeric_limits<float>::infinity();
    for (const Use& use : q.uses) least = std::min(least, floor_of(graph_.node(use.node).op));
    return least;
  }

  // An estimator's ends may clip. A range from zero to zero's other side must be worth it.
  static bool clearly_narrower(float least, float most) {
    const float low = std::min(least, 0.0f), high = std::max(most, 0.0f),
                reach = std::max(-low, high);
    const float both = low < 0 ? 2 * reach : reach;
    return 2 * (high - low) < both;
  }

  // A zero point keeps depthwise convolutions out of the newer kernels of CPUs with AVX-512, and
  // ranges by channel are fine without.
  void by_channel(Quantizer& q, const Measured& measured) {
    const float floor = floor_of_readers(q);
    if (is_asymmetric(q) && q.group == kNone && std::isinf(floor) && scheme_is_free())
      q.spec.mode = QuantizationScheme::symmetric;
    std::vector<float> least = measured.channel_min();
    for (float& x : least) x = std::max(x, floor);
    ranges_.set(q, std::move(least), is_asymmetric(q) ? measured.channel_max() : largest(measured));
  }

  void estimated(Quantizer& q, const Measured& measured) {
    const auto& user = options_.advanced_parameters.activations_range_estimator_params;
    const auto low = estimator(user.min, StatisticsType::min, AggregatorType::mean);
    auto high =
        estimator(user.max, is_asymmetric(q) ? StatisticsType::max : StatisticsType::abs_max,
                  AggregatorType::mean);
    if (!is_asymmetric(q)) high = of_magnitudes(high);
    const float least = one(q, measured, low, false), most = one(q, measured, high, true);
    if (!is_asymmetric(q) || q.group != kNone || !scheme_is_free() || clearly_narrower(least, most))
      return ranges_.set(q, {least}, {most});
    q.spec.mode = QuantizationScheme::symmetric;
    high = of_magnitudes(high);
    ranges_.set(q, {least}, {std::max({std::fabs(least), most, one(q, measured, high, true)})});
  }

  static StatisticsCollectorParameters of_magnitudes(StatisticsCollectorParameters end) {
    if (end.statistics_type == StatisticsType::max) end.statistics_type = StatisticsType::abs_max;
    return end;
  }

  static bool is_asymmetric(const Quantizer& q) {
    return q.spec.mode == QuantizationScheme::asymmetric;
  }

  void from_extremes(Quantizer& q, std::pair<float, float> range) {
    const auto [low, high] = range;
    const float reach = std::max(-low, high);
    const bool symmetric = q.spec.mode == QuantizationScheme::symmetric;
    const double both = low < 0 ? 2.0 * reach : reach, width = high - low;
    if (!symmetric && q.group == kNone && scheme_is_free() &&
        both * both <= kClearlyBetter * width * width)
      q.spec.mode = QuantizationScheme::symmetric;
    ranges_.set(q, {low}, {q.spec.mode == QuantizationScheme::symmetric ? reach : high});
  }

  void from_histogram(Quantizer& q, const Measured& measured) {
    const int levels = levels_of(q.spec.bits, q.spec.narrow_range);
    const auto& user = options_.advanced_parameters.activations_range_estimator_params;
    const float floor = floor_of_readers(q);
    const Histogram histogram = raised(measured.histogram(), floor);
    const float min = clipped(std::max(measured.min(), floor), user.min),
                max = clipped(measured.max(), user.max);
    const auto symmetric =
        records::least_error_range(histogram, min, max, levels, QuantizationScheme::symmetric);
    if (q.spec.mode == QuantizationScheme::symmetric)
      return ranges_.set(q, {symmetric.low}, {symmetric.high});
    const auto asymmetric =
        records::least_error_range(histogram, min, max, levels, QuantizationScheme::asymmetric);
    // Without a preset the scheme is free: symmetric unless asymmetric is clearly better.
    if (scheme_is_free() && q.group == kNone &&
        symmetric.error <= kClearlyBetter * asymmetric.error) {
      q.spec.mode = QuantizationScheme::symmetric;
      return ranges_.set(q, {symmetric.low}, {symmetric.high});
    }
    ranges_.set(q, {asymmetric.low}, {asymmetric.high});
  }

  bool scheme_is_free() const {
    const auto& asked = options_.advanced_parameters.activations_quantization_params;
    return options_.recipe == Recipe::eightbit && !options_.preset && !(asked && asked->mode);
  }

  std::vector<float> largest(const Measured& measured) const {
    const auto low = measured.channel_min();
    auto high = measured.channel_max();
    for (size_t c = 0; c < high.size(); ++c)
      high[c] = std::max(std::fabs(low[c]), std::fabs(high[c]));
    return high;
  }

  float one(const Quantizer& q, const Measured& measured, const StatisticsCollectorParameters& e,
            bool upper) const {
    auto quantile = records::quantile_of(e, upper, q.spec.mode == QuantizationScheme::symmetric);
    // those of the tensor do not follow from those of other values
    if (measured.is_moved()) quantile.reset();
    std::vector<float> values;
    if (quantile) {
      const int point = statistics_.point_with_quantile(q.value, *quantile);
      if (point == kNone)
        fail<InvalidArgument>("statistics",
                              "quantiles of '{}' were not measured. Calibrate with the same "
                              "activations_range_estimator_params.",
                              graph_.value(q.value).name);
      const auto& known = statistics_.points()[static_cast<size_t>(point)].tap.quantiles;
      const auto index = static_cast<size_t>(std::ranges::find(known, *quantile) - known.begin());
      for (int64_t k : statistics_.seen(point))
        values.push_back(statistics_.kept_channels(point, k)[index]);
    } else {
      for (const records::Row& row : measured.rows()) {
        const float extreme = std::max(std::fabs(row.min), std::fabs(row.max));
        values.push_back(e.statistics_type == StatisticsType::abs_max ? extreme
                         : e.statistics_type == StatisticsType::min   ? row.min
                                                                      : row.max);
      }
    }
    // but this point has no histogram
    const bool searched = e.aggregator_type == AggregatorType::histogram;
    const float value = records::aggregate(
        values, searched ? AggregatorType::mean : *e.aggregator_type, e.quantile_outlier_prob);
    return clipped(value, e);
  }

  const Graph& graph_;
  const StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const Plan& plan_;
  RangeSetter& ranges_;
};

}  // namespace

bool uses_histogram(const QuantizerSpec& spec, const QuantizeOptions& options) {
  const auto& user = options.advanced_parameters.activations_range_estimator_params;
  if (spec.per_channel || spec.fp8) return false;
  return asks_histogram(user) || (user.empty() && options.recipe == Recipe::eightbit);
}

void find_activation_range(const Graph& graph, const StatisticsData& statistics,
                           const QuantizeOptions& options, const Plan& plan, RangeSetter& ranges,
                           Quantizer& q) {
  ActivationRange(graph, statistics, options, plan, ranges).find(q);
}

}  // namespace eightbit::algorithms
