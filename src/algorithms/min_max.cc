#include "algorithms/min_max.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "algorithms/measured.h"
#include "algorithms/weight_fit.h"
#include "algorithms/weight_range.h"
#include "algorithms/weight_terms.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/spill.h"
#include "graph/roles.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"
#include "records/quantile.h"
#include "records/range_estimator.h"

namespace eightbit::algorithms {
namespace {

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

bool uses_histogram(const QuantizerSpec& spec, const QuantizeOptions& options) {
  const auto& user = options.advanced_parameters.activations_range_estimator_params;
  if (spec.per_channel || spec.fp8) return false;
  return asks_histogram(user) || (user.empty() && options.recipe == Recipe::eightbit);
}

// As if every value below `floor`, which is negative, had been `floor`.
Histogram raised(Histogram histogram, float floor) {
  const auto last = static_cast<size_t>(Histogram::bin(floor));
  for (size_t i = last + 1; i < histogram.counts.size(); ++i)
    histogram.counts[last] += std::exchange(histogram.counts[i], 0);
  return histogram;
}

constexpr double kClearlyBetter = 1.5;  // errors below it do not pay for a zero point

class RangeFinder {
 public:
  RangeFinder(const Graph& graph, const StatisticsData& statistics, const QuantizeOptions& options,
              Plan& plan)
      : graph_(graph),
        statistics_(statistics),
        options_(options),
        plan_(plan),
        terms_(graph, statistics, options, plan) {}

  void activation(Quantizer& q) {
    const Measured measured(graph_, statistics_, plan_, q.value, q.uses.front());
    if (uses_histogram(q.spec, options_) && !measured.histogram().empty())
      return from_histogram(q, measured);
    if (uses_histogram(q.spec, options_))
      if (const auto range = measured.scaled_range()) return from_extremes(q, *range);
    const bool symmetric = q.spec.mode == QuantizationScheme::symmetric;
    const auto& user = options_.advanced_parameters.activations_range_estimator_params;
    const auto joined = q.spec.per_channel ? std::pair{AggregatorType::min, AggregatorType::max}
                                           : std::pair{AggregatorType::mean, AggregatorType::mean};
    const auto low = estimator(user.min, StatisticsType::min, joined.first);
    auto high = estimator(user.max, symmetric ? StatisticsType::abs_max : StatisticsType::max,
                          joined.second);
    if (symmetric && high.statistics_type == StatisticsType::max)
      high.statistics_type = StatisticsType::abs_max;
    if (q.spec.per_channel) {
      const float floor = floor_of_readers(q);
      // A zero point keeps depthwise convolutions out of the newer kernels of CPUs with AVX-512,
      // and ranges by channel are fine without.
      if (!symmetric && q.group == kNone && std::isinf(floor) && scheme_is_free())
        q.spec.mode = QuantizationScheme::symmetric;
      std::vector<float> least = measured.channel_min();
      for (float& x : least) x = std::max(x, floor);
      set(q, std::move(least),
          q.spec.mode == QuantizationScheme::symmetric ? largest(measured)
                                                       : measured.channel_max());
    } else {
      const float least = one(q, measured, low, false), most = one(q, measured, high, true);
      if (!symmetric && q.group == kNone && scheme_is_free() && !clearly_narrower(least, most)) {
        q.spec.mode = QuantizationScheme::symmetric;
        high.statistics_type = high.statistics_type == StatisticsType::max ? StatisticsType::abs_max
                                                                           : high.statistics_type;
        return set(q, {least}, {std::max({std::fabs(least), most, one(q, measured, high, true)})});
      }
      set(q, {least}, {most});
    }
  }

  void weight(Quantizer& q) {
    const Tensor tensor = weight_of(graph_, plan_, q.value, q.uses.front());
    std::vector<float> values = to_floats(tensor);
    const auto& user = options_.advanced_parameters.weights_range_estimator_params;
    const Extremes found = user.empty() ? extremes(values, tensor.shape, q.channel_axes)
                                        : estimated_extremes(values, tensor.shape, q, user);
    if (q.spec.fp8) {
      q.scale = fp8_scale(found.min, found.max, *q.spec.fp8, false);
      return;
    }
    if (q.spec.mode == QuantizationScheme::asymmetric) return set(q, found.min, found.max);
    if (halved(q))
      return assign(q, half_symmetric_range(found.abs_max, q.spec.bits, q.spec.narrow_range));
    if (terms_.searches_scale(q) && (user.empty() || terms_.overflows(q))) {
      if (!user.empty()) clip_channels(values, tensor.shape, q.channel_axes, found.abs_max);
      return search_scale(q, std::move(values), tensor.shape);
    }
    if (terms_.overflows(q))
      return assign(q, half_symmetric_range(found.abs_max, q.spec.bits, q.spec.narrow_range));
    set(q, found.min, found.abs_max);
  }

  // The members' range is that of all their values together.
  void group(const std::vector<Quantizer*>& members) {
    float low = 0, high = 0, scale = std::numeric_limits<float>::infinity();
    for (const Quantizer* q : members) {
      if (!q->scale.empty()) scale = std::min(scale, std::ranges::min(q->scale));
      const auto found = extremes_.find(q);
      if (found == extremes_.end()) continue;
      low = std::min(low, found->second.first);
      high = std::max(high, found->second.second);
    }
    for (Quantizer* q : members) {
      q->channel_axes.clear();
      if (q->spec.fp8)
        q->scale = {scale};
      else
        set(*q, {low}, {high});
    }
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

  void from_extremes(Quantizer& q, std::pair<float, float> range) {
    const auto [low, high] = range;
    const float reach = std::max(-low, high);
    const bool symmetric = q.spec.mode == QuantizationScheme::symmetric;
    const double both = low < 0 ? 2.0 * reach : reach, width = high - low;
    if (!symmetric && q.group == kNone && scheme_is_free() &&
        both * both <= kClearlyBetter * width * width)
      q.spec.mode = QuantizationScheme::symmetric;
    set(q, {low}, {q.spec.mode == QuantizationScheme::symmetric ? reach : high});
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
      return set(q, {symmetric.low}, {symmetric.high});
    const auto asymmetric =
        records::least_error_range(histogram, min, max, levels, QuantizationScheme::asymmetric);
    // Without a preset the scheme is free: symmetric unless asymmetric is clearly better.
    if (scheme_is_free() && q.group == kNone &&
        symmetric.error <= kClearlyBetter * asymmetric.error) {
      q.spec.mode = QuantizationScheme::symmetric;
      return set(q, {symmetric.low}, {symmetric.high});
    }
    set(q, {asymmetric.low}, {asymmetric.high});
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

  // `max` is the largest |x| for symmetric schemes.
  void set(Quantizer& q, std::vector<float> min, std::vector<float> max) {
    if (q.group != kNone) {
      std::lock_guard lock(extremes_mutex_);  // activations are searched in parallel
      extremes_[&q] = {std::ranges::min(min), std::ranges::max(max)};
    }
    if (q.spec.fp8) {
      q.scale = fp8_scale(min, max, *q.spec.fp8, !q.spec.per_channel);
    } else if (q.spec.mode == QuantizationScheme::symmetric) {
      assign(q, symmetric_range(min, max, q.spec.bits, q.spec.narrow_range, q.spec.signedness,
                                narrowest()));
    } else {
      assign(q, asymmetric_range(min, max, q.spec.bits, q.spec.narrow_range, narrowest()));
    }
  }

  Narrowest narrowest() const {
    return options_.recipe == Recipe::nncf ? Narrowest::absolute : Narrowest::relative;
  }

  static void assign(Quantizer& q, QuantizedRange range) {
    q.low = std::move(range.low);
    q.high = std::move(range.high);
    q.levels = range.levels;
  }

  bool halved(const Quantizer& q) {
    if (q.spec.bits != 8 || q.group != kNone || !terms_.fix() ||
        terms_.fix() == OverflowFix::disable)
      return false;
    if (terms_.fix() == OverflowFix::enable)
      return std::ranges::any_of(
          q.uses, [&](Use use) { return has(graph_.node(use.node).op, kOverflowSet); });
    return std::ranges::any_of(q.uses, [&](Use use) { return first_layers().contains(use.node); });
  }

  // The first convolutions met on the way down from each input.
  const std::map<NodeId, bool>& first_layers() {
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

  void search_scale(Quantizer& q, std::vector<float> values, const Shape& shape) {
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

  const Graph& graph_;
  const StatisticsData& statistics_;
  const QuantizeOptions& options_;
  Plan& plan_;
  const WeightTerms terms_;
  std::mutex extremes_mutex_;
  // what the ranges of groups were made from
  std::map<const Quantizer*, std::pair<float, float>> extremes_;
  std::optional<std::map<NodeId, bool>> first_layers_;
};

// Each channel covers what all samples hold, whatever estimator is asked for.
void note_extremes(const QuantizeOptions& options, Plan& plan) {
  const auto by_channel = std::ranges::count_if(
      plan.quantizers, [](const Quantizer& q) { return !q.weight && q.spec.per_channel; });
  if (options.advanced_parameters.activations_range_estimator_params.empty() || by_channel == 0)
    return;
  plan.notes.push_back(fmt::format(
      "activations_range_estimator_params: not for the {} activations that are quantized by "
      "channel: these take the extremes of all samples",
      by_channel));
  log(LogLevel::warning, "{}", plan.notes.back());
}

}  // namespace

void min_max_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                     records::TapRequest& taps) {
  const auto& user = options.advanced_parameters.activations_range_estimator_params;
  for (const Quantizer& q : plan.quantizers) {
    if (q.weight) continue;
    const bool symmetric = q.spec.mode == QuantizationScheme::symmetric;
    std::vector<double> quantiles;
    for (bool upper : {false, true})
      if (const auto p = records::quantile_of(upper ? user.max : user.min, upper, symmetric))
        quantiles.push_back(*p);
    const uint32_t statistics =
        kMinMax | (uses_histogram(q.spec, options) ? uint32_t{kHistogram} : 0u);
    if (!quantiles.empty() && !q.spec.per_channel) taps.want(q.value, statistics, quantiles);
    const auto product = std::ranges::find_if(
        q.uses, [&](Use use) { return weight_port(graph, use.node) != kNone; });
    if (q.spec.per_channel) {
      taps.want_channels(q.value, q.channel_axes.at(0), statistics);
    } else if (product != q.uses.end() && options.recipe == Recipe::eightbit) {
      // The rounding of weights looks at the channels that they meet.
      const int64_t axis = activation_channel_axis(graph, *product);
      taps.want_channels(q.value, axis, statistics | kMean | kMeanSquare);
    } else {
      taps.want(q.value, statistics);
    }
  }
}

void min_max(const Graph& graph, const StatisticsData& statistics, const QuantizeOptions& options,
             Plan& plan) {
  RangeFinder finder(graph, statistics, options, plan);
  std::map<int, std::vector<Quantizer*>> groups;
  parallel_for(static_cast<int64_t>(plan.quantizers.size()), [&](int64_t i) {
    Quantizer& q = plan.quantizers[static_cast<size_t>(i)];
    if (!q.weight) finder.activation(q);
  });
  for (Quantizer& q : plan.quantizers)
    if (q.weight) finder.weight(q);
  for (Quantizer& q : plan.quantizers)
    if (q.group != kNone) groups[q.group].push_back(&q);
  for (const auto& [id, members] : groups) finder.group(members);
  note_extremes(options, plan);
}

}  // namespace eightbit::algorithms
