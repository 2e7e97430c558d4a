#include "algorithms/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "algorithms/weights.h"
#include "base/error.h"

namespace eightbit::algorithms {

std::vector<BiasProbe> bias_probes(const Graph& graph, const Plan& plan) {
  std::set<NodeId> quantized;
  for (const Quantizer& q : plan.quantizers)
    for (const Use& use : q.uses)   // not in branches of If, which the corrected network may not take
      if (graph.node(use.node).owner == kNone) quantized.insert(use.node);
  std::vector<BiasProbe> probes;
  for (NodeId id : quantized) {
    const Node& node = graph.node(id);
    if (!has(node.op, kBias) || weight_port(graph, id) == kNone) continue;
    const int64_t axis = output_channel_axis(graph, id);
    if (axis == kNone) continue;
    const int64_t channels = graph.value(node.outputs[0]).shape[static_cast<size_t>(axis)];
    if (channels > 0) probes.push_back({id, axis, channels});
  }
  return probes;
}

BiasCorrection::BiasCorrection(std::vector<BiasProbe> probes) : probes_(std::move(probes)) {
  size_t size = 0;
  for (const auto& probe : probes_) size += static_cast<size_t>(probe.channels);
  sum_.resize(size);
}

void BiasCorrection::add(std::span<const float> record) {
  EIGHTBIT_CHECK(record.size() == sum_.size(), "{} differences of means, {} expected", record.size(), sum_.size());
  for (size_t i = 0; i < record.size(); ++i) sum_[i] += record[i];
  ++count_;
}

std::vector<BiasShift> BiasCorrection::shifts() const {
  std::vector<BiasShift> out;
  if (count_ == 0) return out;
  size_t at = 0;
  for (const auto& probe : probes_) {
    BiasShift shift{probe.node, probe.axis, {}};
    for (int64_t c = 0; c < probe.channels; ++c, ++at)
      shift.shift.push_back(static_cast<float>(sum_[at] / static_cast<double>(count_)));
    out.push_back(std::move(shift));
  }
  return out;
}

}  // namespace eightbit::algorithms
