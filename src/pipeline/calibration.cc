#include "pipeline/calibration.h"

#include <algorithm>

#include "algorithms/algorithm.h"
#include "base/error.h"
#include "pipeline/run_facts.h"
#include "placement/devices.h"

namespace eightbit {
namespace {

// Every place where some device, preset or ignored scope could put a quantizer: the float inputs of
// ops that take quantizers or let them pass.
std::vector<Use> quantizable_inputs(const backends::Network& model) {
  const Graph& graph = model.graph();
  const placement::Device device(TargetDevice::any, model.kernels());
  std::vector<Use> inputs;
  for (const Node& node : graph.nodes) {
    const Trait trait = device.offer(node).trait;
    if (trait == Trait::non_quantizable || trait == Trait::output_as_weight) continue;
    for (int32_t port = 0; port < static_cast<int32_t>(node.inputs.size()); ++port) {
      const ValueId id = graph.input({node.id, port});
      if (id != kNone && !graph.value(id).is_constant() && is_float(graph.value(id).dtype))
        inputs.push_back({node.id, port});
    }
  }
  return inputs;
}

// What shards must agree on.
std::map<std::string, std::string> facts_of(const CalibrateOptions& options) {
  std::map<std::string, std::string> facts = {{"subset_size", std::to_string(options.subset_size)}};
  if (options.kept_inputs > 0) facts["kept_inputs"] = std::to_string(options.kept_inputs);
  return facts;
}

}  // namespace

void check(const CalibrateOptions& options, std::string_view where) {
  if (options.subset_size < 0)
    fail<InvalidArgument>(where,
                          "subset_size is {}. It must be at least 1, or 0 for as many as it takes.",
                          options.subset_size);
  if (options.subset_size == 0 && options.shard.count > 1)
    fail<InvalidArgument>(where,
                          "subset_size is 0, and a shard cannot tell whether all of them have "
                          "settled. Give a number.");
  if (options.shard.count < 1 || options.shard.index < 0 ||
      options.shard.index >= options.shard.count)
    fail<InvalidArgument>(where, "shard {}/{} does not exist. The index runs from 0 to count - 1.",
                          options.shard.index, options.shard.count);
  validate(options);
}

Calibration calibration_of(const backends::Network& model, const CalibrateOptions& options) {
  algorithms::Request wanted(model.graph());
  algorithms::request_all(model.graph(), quantizable_inputs(model), options, wanted);
  return {wanted.taps.points(),
          std::move(wanted.layers),
          {options.subset_size, options.shard,
           std::max(algorithms::most_samples(), options.kept_inputs), facts_of(options), false}};
}

}  // namespace eightbit
