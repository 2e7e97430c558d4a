#include "algorithms/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "algorithms/weights.h"
#include "base/error.h"

namespace eightbit::algorithms {

namespace {

// The probe of a node, where it has a weight and a channel axis of known size.
std::optional<BiasProbe> probe_at(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!has(node.op, kBias) || weight_port(graph, id) == kNone) return {};
  const int64_t axis = output_channel_axis(graph, id);
  if (axis == kNone) return {};
  const int64_t channels = graph.value(node.outputs[0]).shape[static_cast<size_t>(axis)];
  if (channels < 1) return {};
  return BiasProbe{id, axis, channels};
}

}  // namespace

std::vector<BiasProbe> bias_probes(const Graph& graph, const Plan& plan) {
  std::set<NodeId> quantized;
  for (const Quantizer& q : plan.quantizers)
    for (const Use& use : q.uses) quantized.insert(use.node);
  std::vector<BiasProbe> probes;
  for (NodeId id : quantized)
    if (const auto probe = probe_at(graph, id)) probes.push_back(*probe);
  return probes;
}

std::vector<BiasProbe> all_layers(const Graph& graph) {
  std::vector<BiasProbe> probes;
  for (const Node& node : graph.nodes)
    if (const auto probe = probe_at(graph, node.id)) probes.push_back(*probe);
  return probes;
}

std::vector<records::Point> layer_points(const Graph& graph, const std::vector<BiasProbe>& probes) {
  std::vector<records::Point> points;
  for (const BiasProbe& probe : probes) {
    const Value& value = graph.value(graph.node(probe.node).outputs[0]);
    points.push_back({value.name, {value.id, probe.axis, probe.channels, kMean, false, {}}});
  }
  return points;
}

std::vector<std::vector<float>> reference_means(const Graph& graph, const std::vector<BiasProbe>& probes,
                                                const records::StatisticsData& statistics, const Plan& plan) {
  std::vector<std::vector<float>> rows;
  for (int64_t number : statistics.kept_samples.numbers()) {
    auto& row = rows.emplace_back();
    for (const BiasProbe& probe : probes) {
      const ValueId value = graph.node(probe.node).outputs[0];
      auto means = statistics.layer_means(number, value);
      if (static_cast<int64_t>(means.size()) != probe.channels) return {};
      for (const ChannelChange& change : plan.changes)
        if (change.value == value)
          for (size_t c = 0; c < means.size(); ++c) means[c] = (means[c] - change.shift[c]) / change.factor[c];
      row.insert(row.end(), means.begin(), means.end());
    }
  }
  return rows;
}

BiasCorrection::BiasCorrection(std::vector<BiasProbe> probes) : probes_(std::move(probes)) {
  size_t size = 0;
  for (const auto& probe : probes_) size += static_cast<size_t>(probe.channels);
  sum_.resize(size);
  square_.resize(size);
}

void BiasCorrection::add(std::span<const float> record) {
  EIGHTBIT_CHECK(record.size() == sum_.size(), "{} differences of means, {} expected", record.size(), sum_.size());
  for (size_t i = 0; i < record.size(); ++i) sum_[i] += record[i], square_[i] += double(record[i]) * record[i];
  ++count_;
}

std::vector<BiasShift> BiasCorrection::shifts() const {
  std::vector<BiasShift> out;
  if (count_ == 0) return out;
  size_t at = 0;
  for (const auto& probe : probes_) {
    BiasShift shift{probe.node, probe.axis, {}};
    for (int64_t c = 0; c < probe.channels; ++c, ++at) {
      const double n = static_cast<double>(count_), mean = sum_[at] / n;
      const double noise = std::max(square_[at] / n - mean * mean, 0.0) / (n - 1);
      static const double k = getenv("EB_SHRINK") ? atof(getenv("EB_SHRINK")) : 0;
      const double keep = mean == 0 ? 0 : std::max(0.0, 1 - k * noise / (mean * mean));
      shift.shift.push_back(static_cast<float>(mean * keep));
    }
    out.push_back(std::move(shift));
  }
  return out;
}

}  // namespace eightbit::algorithms
