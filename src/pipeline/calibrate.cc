// Calibration on its own: everything that any recipe may want to know later.
#include <eightbit/statistics.h>
#include <fmt/format.h>

#include <set>

#include "algorithms/bias_correction.h"
#include "backends/network.h"
#include "base/error.h"
#include "graph/roles.h"
#include "graph/transformer.h"
#include "pipeline/measure.h"
#include "pipeline/run_facts.h"
#include "pipeline/steps.h"
#include "placement/devices.h"
#include "records/quantile.h"
#include "records/statistics_data.h"
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

Statistics calibrate(const Model& model, const Dataset& dataset, const CalibrateOptions& options,
                     const RunOptions& run) {
  Steps steps(run);
  if (options.subset_size < 1)
    fail<InvalidArgument>("calibrate", "subset_size is {}. It must be at least 1.",
                          options.subset_size);
  if (options.shard.count < 1 || options.shard.index < 0 ||
      options.shard.index >= options.shard.count)
    fail<InvalidArgument>("calibrate",
                          "shard {}/{} does not exist. The index runs from 0 to count - 1.",
                          options.shard.index, options.shard.count);
  validate(options);
  report_without_effect(without_effect(options), steps.report().notes);
  const Graph& graph = steps("read", [&]() -> const Graph& { return model.impl().graph(); });
  auto data = steps("calibrate", [&] {
    MeasureOptions measured{
        options.subset_size, options.shard, algorithms::kCarefulCorrectionSamples, {}};
    measured.facts["subset_size"] = std::to_string(options.subset_size);
    const auto layers = algorithms::layer_points(graph, algorithms::all_layers(graph));
    return measure(model.impl(), all_points(model.impl(), options), layers, dataset, measured, run);
  });
  steps.report().samples = data.samples();
  steps.finish();
  return Statistics(std::make_shared<const records::StatisticsData>(std::move(data)));
}

Statistics Statistics::load(const std::filesystem::path& path) {
  return Statistics(
      std::make_shared<const records::StatisticsData>(records::StatisticsData::load(path)));
}

void Statistics::save(const std::filesystem::path& path, bool overwrite) const {
  data().save(path, overwrite);
}

Statistics Statistics::merge(std::span<const Statistics> parts) {
  if (parts.empty())
    fail<InvalidArgument>("merge", "there is nothing to merge. Give at least one part.");
  const records::StatisticsData& first = parts.front().data();
  records::StatisticsData merged(first.model_fingerprint(), first.data_fingerprint(),
                                 first.points(), first.layers());
  merged.options = first.options;
  for (const Statistics& part : parts) merged.merge(part.data());
  return Statistics(std::make_shared<const records::StatisticsData>(std::move(merged)));
}

const records::StatisticsData& Statistics::data() const {
  if (data_ == nullptr)
    fail<InvalidArgument>("statistics",
                          "these statistics are empty. Make them with calibrate() or load().");
  return *data_;
}

int64_t Statistics::samples() const { return data().samples(); }
int64_t Statistics::points() const { return static_cast<int64_t>(data().points().size()); }
std::string Statistics::model_fingerprint() const { return data().model_fingerprint(); }

std::string Statistics::summary() const {
  return fmt::format("{} samples, {} points, {} kept inputs, model {}", samples(), points(),
                     data().kept_samples.size(), model_fingerprint());
}

}  // namespace eightbit
