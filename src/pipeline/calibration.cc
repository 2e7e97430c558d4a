#include "pipeline/calibration.h"

#include <set>

#include "algorithms/bias_correction.h"
#include "base/error.h"
#include "graph/roles.h"
#include "graph/transformer.h"
#include "pipeline/run_facts.h"
#include "placement/devices.h"
#include "records/quantile.h"
#include "records/tap_request.h"

namespace eightbit {
namespace {

// Quantiles that the estimators of the options may read, whatever the scheme.
std::vector<double> quantiles_of(const RangeEstimatorParameters& p) {
  std::set<double> out;
  for (bool upper : {false, true})
    for (bool symmetric : {false, true})
      if (const auto q = records::quantile_of(upper ? p.max : p.min, upper, symmetric))
        out.insert(*q);
  return {out.begin(), out.end()};
}

// Every value where some device, preset or ignored scope could put a quantizer: the float inputs of
// ops that take quantizers or let them pass.
std::vector<records::Point> all_points(const backends::Network& model,
                                       const CalibrateOptions& options) {
  const Graph& graph = model.graph();
  const placement::Device device(TargetDevice::any, model.kernels());
  records::TapRequest taps(graph);
  const auto quantiles = quantiles_of(options.activations_range_estimator_params);
  const bool transformer = options.model_type == ModelType::transformer || is_transformer(graph);
  for (const Node& node : graph.nodes) {
    const Trait trait = device.offer(node).trait;
    if (trait == Trait::non_quantizable || trait == Trait::output_as_weight) continue;
    const int32_t weight = weight_port(graph, node.id);
    for (int32_t port = 0; port < static_cast<int32_t>(node.inputs.size()); ++port) {
      const ValueId id = node.inputs[static_cast<size_t>(port)];
      if (id == kNone || graph.value(id).is_constant() || !is_float(graph.value(id).dtype))
        continue;
      if (!quantiles.empty()) taps.want(id, kMinMax | kHistogram, quantiles);
      const bool product = weight != kNone && weight != port;
      const int64_t axis =
          product ? activation_channel_axis(graph, {node.id, port}) : channel_axis(graph.value(id));
      const bool smooth = product && transformer && has(node.op, kSmoothQuantMatMul);
      taps.want_channels(
          id, axis, kMinMax | kHistogram | (product ? uint32_t{kMean | kMeanSquare} : 0u), smooth);
    }
  }
  return taps.points();
}

}  // namespace

void check(const CalibrateOptions& options, std::string_view where) {
  if (options.subset_size < 1)
    fail<InvalidArgument>(where, "subset_size is {}. It must be at least 1.", options.subset_size);
  if (options.shard.count < 1 || options.shard.index < 0 ||
      options.shard.index >= options.shard.count)
    fail<InvalidArgument>(where, "shard {}/{} does not exist. The index runs from 0 to count - 1.",
                          options.shard.index, options.shard.count);
  validate(options);
}

Calibration calibration_of(const backends::Network& model, const CalibrateOptions& options) {
  const Graph& graph = model.graph();
  return {all_points(model, options),
          algorithms::layer_points(graph, algorithms::all_layers(graph)),
          {options.subset_size,
           options.shard,
           algorithms::kCarefulCorrectionSamples,
           {{"subset_size", std::to_string(options.subset_size)}},
           false}};
}

}  // namespace eightbit
