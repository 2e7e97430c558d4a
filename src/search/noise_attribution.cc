#include "search/noise_attribution.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "graph/roles.h"

namespace eightbit::search {
namespace {

bool is_measurable(const Graph& graph, ValueId id) {
  if (id == kNone) return false;
  const Value& value = graph.value(id);
  return !value.is_constant() && value.producer != kNone && is_float(value.dtype) &&
         graph.node(value.producer).owner == kNone;
}

std::vector<ValueId> noisy_inputs(const Graph& graph, const Node& node) {
  std::vector<ValueId> inputs;
  for (ValueId id : node.inputs)
    if (is_measurable(graph, id)) inputs.push_back(id);
  return inputs;
}

bool adds_up(Op op) { return op == Op::add || op == Op::subtract || joins(op); }

std::set<NodeId> quantized_nodes(const Plan& plan) {
  std::set<NodeId> nodes;
  for (const Quantizer& q : plan.quantizers)
    for (const Use& use : q.uses) nodes.insert(use.node);
  return nodes;
}

std::map<NodeId, size_t> groups_by_node(const Plan& plan,
                                        const std::vector<QuantizerGroup>& groups) {
  std::map<NodeId, size_t> out;
  for (size_t g = 0; g < groups.size(); ++g)
    for (size_t q : groups[g].quantizers)
      for (const Use& use : plan.quantizers[q].uses) out.emplace(use.node, g);
  return out;
}

double relative(const Energies& noise) { return noise.signal > 0 ? noise.noise / noise.signal : 0; }

class Walk {
 public:
  Walk(const Graph& graph, const NoiseByValue& as_it_is, const NoiseByValue& alone,
       const NoiseByValue& uncorrected)
      : graph_(graph),
        as_it_is_(as_it_is),
        alone_(alone),
        uncorrected_(uncorrected),
        need_(graph.values.size()) {}

  std::vector<double> run(const std::map<NodeId, size_t>& group_of, size_t groups) {
    std::vector<double> shares(groups);
    const auto outputs = noisy_outputs(graph_);
    for (ValueId output : outputs) need(output) += relative(noise_at(output));
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      const auto group = group_of.find(node->id);
      for (ValueId output : node->outputs) {
        double inherited = need(output);
        if (group != group_of.end()) {
          const double own = inherited * own_share(output);
          shares[group->second] += own;
          inherited -= own;
        }
        if (inherited > 0) pass_on(*node, inherited);
      }
    }
    const double all =
        std::transform_reduce(outputs.begin(), outputs.end(), 0.0, std::plus<>(),
                              [&](ValueId output) { return relative(noise_at(output)); });
    if (all > 0)
      for (double& share : shares) share /= all;
    return shares;
  }

 private:
  double& need(ValueId value) { return need_[value]; }

  static Energies at(const NoiseByValue& noise, ValueId value) {
    const auto it = noise.find(value);
    return it == noise.end() ? Energies{} : it->second;
  }

  Energies noise_at(ValueId value) const { return at(as_it_is_, value); }

  double own_share(ValueId value) const {
    const double all = at(uncorrected_, value).noise;
    return all > 0 ? std::min(1.0, at(alone_, value).noise / all) : 0;
  }

  void pass_on(const Node& node, double amount) {
    const auto inputs = noisy_inputs(graph_, node);
    std::vector<double> parts;
    for (ValueId input : inputs)
      parts.push_back(adds_up(node.op) ? noise_at(input).noise : relative(noise_at(input)));
    const double sum = std::reduce(parts.begin(), parts.end());
    for (size_t i = 0; i < inputs.size(); ++i)
      need(inputs[i]) +=
          amount * (sum > 0 ? parts[i] / sum : 1.0 / static_cast<double>(inputs.size()));
  }

  const Graph& graph_;
  const NoiseByValue& as_it_is_;
  const NoiseByValue& alone_;
  const NoiseByValue& uncorrected_;
  Indexed<ValueId, double> need_;
};

}  // namespace

std::vector<ValueId> noisy_outputs(const Graph& graph) {
  std::vector<ValueId> outputs;
  for (const Node& node : graph.nodes)
    if (node.op == Op::result && node.owner == kNone && is_measurable(graph, node.inputs[0]))
      outputs.push_back(node.inputs[0]);
  return outputs;
}

std::vector<ValueId> values_with_own_noise(const Graph& graph, const Plan& plan) {
  std::vector<ValueId> values;
  for (NodeId node : quantized_nodes(plan))
    for (ValueId output : graph.node(node).outputs)
      if (is_measurable(graph, output)) values.push_back(output);
  return values;
}

std::vector<ValueId> values_with_noise(const Graph& graph, const Plan& plan) {
  const auto own = values_with_own_noise(graph, plan), outputs = noisy_outputs(graph);
  std::set<ValueId> values(own.begin(), own.end());
  values.insert(outputs.begin(), outputs.end());
  for (const Node& node : graph.nodes) {
    const auto inputs = noisy_inputs(graph, node);
    if (inputs.size() > 1) values.insert(inputs.begin(), inputs.end());
  }
  return {values.begin(), values.end()};
}

std::vector<double> attribute_noise(const Graph& graph, const Plan& plan,
                                    const std::vector<QuantizerGroup>& groups,
                                    const NoiseByValue& as_it_is, const NoiseByValue& alone,
                                    const NoiseByValue& uncorrected) {
  return Walk(graph, as_it_is, alone, uncorrected).run(groups_by_node(plan, groups), groups.size());
}

std::vector<size_t> telling_groups(const std::vector<std::vector<double>>& noise,
                                   double negligible) {
  std::set<size_t> telling;
  for (size_t output = 0; !noise.empty() && output < noise[0].size(); ++output) {
    std::vector<size_t> order(noise.size());  // the quietest first
    std::iota(order.begin(), order.end(), size_t{0});
    const auto of = [&](size_t group) { return noise[group][output]; };
    std::ranges::stable_sort(order, {}, of);
    double sum = 0;
    for (size_t group : order)
      if ((sum += of(group)) > negligible) telling.insert(group);
  }
  return {telling.begin(), telling.end()};
}

}  // namespace eightbit::search
