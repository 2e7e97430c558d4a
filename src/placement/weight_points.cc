#include "placement/weight_points.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "graph/roles.h"

namespace eightbit::placement {
namespace {

// An activation that leaves its sign open fits a weight of either sign.
bool suits(const QuantizerSpec& weight, const QuantizerSpec& activation) {
  QuantizerSpec open = weight;
  if (!activation.signedness) open.signedness = std::nullopt;
  return open == activation;
}

bool suits_any(const QuantizerSpec& weight, const SpecList& activations) {
  return std::ranges::any_of(activations, [&](const QuantizerSpec& a) { return suits(weight, a); });
}

SpecList filtered_weights(const Node& node, const Device& device,
                          const QuantizationParameters& wanted) {
  const SpecList offered = device.offer(node).weights;
  SpecList kept = filter(offered, wanted);
  if (kept.empty() && !offered.empty())
    fail<InvalidArgument>(
        "placement",
        "no weight quantizer of {} meets {} for node '{}' ({}). The device offers: {}. Change "
        "weights_quantization_params or add the node to ignored_scope.",
        device.name(), to_text(wanted), node.name, node.type, to_text(offered));
  return kept;
}

}  // namespace

std::vector<WeightPoint> find_weights(const UnitGraph& units, const Device& device,
                                      const QuantizationParameters& wanted) {
  std::vector<WeightPoint> out;
  for (const Unit& unit : units.units) {
    const Node& node = units.first(unit);
    if (!unit.reason.empty()) continue;
    for (int32_t port : weight_ports(*units.flow.graph, node)) {
      const Graph& graph = *units.flow.graph;
      if (graph.value(graph.input({node.id, port})).constant->quantized) continue;
      SpecList specs = filtered_weights(node, device, wanted);
      if (!specs.empty()) out.push_back({node.id, port, std::move(specs), -1});
    }
  }
  return out;
}

void quantize_tables_instead(const UnitGraph& units, Placement& placement,
                             std::vector<WeightPoint>& weights, bool keep_tied) {
  const auto constant_of = [&](const WeightPoint& p) {
    return units.flow.graph->input({p.node, p.port});
  };
  std::map<ValueId, int> readers;
  for (const WeightPoint& point : weights) ++readers[constant_of(point)];
  std::map<NodeId, WeightPoint*> tables;
  for (WeightPoint& point : weights)
    if (units.flow.node(point.node).op == Op::embedding &&
        !(keep_tied && readers[constant_of(point)] > 1))
      tables[point.node] = &point;
  if (tables.empty()) return;
  std::map<int, std::vector<int>> members;  // of groups: indices of spec lists in use
  for (const Placed& q : placement.quantizers)
    if (!q.dropped && q.group >= 0) members[placement.group_of(q.group)].push_back(q.specs);

  for (Placed& q : placement.quantizers) {
    if (q.dropped || q.use.node != kNone) continue;
    const auto table = tables.find(units.flow.graph->value(q.value).producer);
    if (table == tables.end()) continue;
    const int group = placement.group_of(q.group);
    SpecList common;
    for (const QuantizerSpec& spec : table->second->specs) {
      bool fits =
          !spec.per_channel && suits_any(spec, placement.spec_lists[static_cast<size_t>(q.specs)]);
      if (group >= 0)
        for (int list : members[group])
          fits = fits && suits_any(spec, placement.spec_lists[static_cast<size_t>(list)]);
      if (fits) common.push_back(spec);
    }
    if (common.empty()) continue;
    q.dropped = true;
    table->second->specs = common;
    table->second->group = group;
    if (group < 0) continue;
    placement.spec_lists.push_back(common);
    const int list = static_cast<int>(placement.spec_lists.size()) - 1;
    for (Placed& other : placement.quantizers)
      if (!other.dropped && placement.group_of(other.group) == group) other.specs = list;
    members[group] = {list};
  }
}

}  // namespace eightbit::placement
