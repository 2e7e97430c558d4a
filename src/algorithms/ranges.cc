#include "algorithms/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "algorithms/activation_ranges.h"
#include "algorithms/equal_quantizers.h"
#include "algorithms/range_setter.h"
#include "algorithms/weight_ranges.h"
#include "base/log.h"
#include "base/parallel.h"
#include "graph/roles.h"
#include "kernels/kernel_fit.h"
#include "records/quantile.h"

namespace eightbit::algorithms {
namespace {

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

// Quantiles that the estimators of the options may read, whatever the scheme.
std::vector<double> all_quantiles(const RangeEstimatorParameters& p) {
  std::set<double> out;
  for (bool upper : {false, true})
    for (bool symmetric : {false, true})
      if (const auto q = records::quantile_of(upper ? p.max : p.min, upper, symmetric))
        out.insert(*q);
  return {out.begin(), out.end()};
}

}  // namespace

void ranges_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
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

void find_ranges(const Graph& graph, const records::StatisticsData& statistics,
                 const QuantizeOptions& options, Plan& plan) {
  RangeSetter ranges(options);
  parallel_for(static_cast<int64_t>(plan.quantizers.size()), [&](int64_t i) {
    Quantizer& q = plan.quantizers[static_cast<size_t>(i)];
    if (!q.weight) find_activation_range(graph, statistics, options, plan, ranges, q);
  });
  WeightRanges weights(graph, statistics, options, ranges, plan);
  for (Quantizer& q : plan.quantizers)
    if (q.weight) weights.find(q);
  std::map<int, std::vector<Quantizer*>> groups;
  for (Quantizer& q : plan.quantizers)
    if (q.group != kNone) groups[q.group].push_back(&q);
  for (const auto& [id, members] : groups) ranges.join(members);
  note_extremes(options, plan);
}

namespace {

// Values are measured by channel where they meet weights: the rounding of these looks at them.
void request_all_ranges(const Graph& graph, std::span<const Use> inputs,
                        const CalibrateOptions& options, Request& request) {
  const auto quantiles = all_quantiles(options.activations_range_estimator_params);
  for (const Use& input : inputs) {
    const ValueId id = graph.input(input);
    if (!quantiles.empty()) request.taps.want(id, kMinMax | kHistogram, quantiles);
    const bool product = meets_weight(graph, input);
    request.taps.want_channels(
        id, product ? activation_channel_axis(graph, input) : channel_axis(graph.value(id)),
        kMinMax | kHistogram | (product ? uint32_t{kMean | kMeanSquare} : 0u));
  }
}

void apply_ranges(Run& run, Plan& plan) {
  const Graph& graph = run.graph();
  find_ranges(graph, run.statistics(), run.options(), plan);
  fit_to_kernels(graph, kernels_for(run.kernels(), run.options()), plan);
  share_equal_quantizers(plan);
}

}  // namespace

const Algorithm kRanges = {
    .name = "min-max",
    .applies = [](const QuantizeOptions&) { return true; },
    .request = [](const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                  Request& request) { ranges_request(graph, plan, options, request.taps); },
    .request_all = request_all_ranges,
    .apply = apply_ranges,
};

}  // namespace eightbit::algorithms
