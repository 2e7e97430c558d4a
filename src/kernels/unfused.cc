#include "kernels/unfused.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "graph/roles.h"

namespace eightbit {
namespace {

// Ops that compute with what `uses` read, behind others that move it; in the order of the graph.
std::set<NodeId> readers(const Graph& graph, const Plan& plan, const std::vector<Use>& uses) {
  std::set<NodeId> found;
  for (const Use& use : uses) {
    const Node& node = graph.node(use.node);
    if (node.op == Op::result || node.op == Op::shape_of) continue;  // read no values
    if (!moves(node.op)) {
      found.insert(use.node);
      continue;
    }
    if (use.port != 0) continue;
    for (ValueId output : node.outputs) {
      std::vector<Use> next = graph.value(output).uses;
      std::erase_if(next, [&](Use u) { return quantizer_at(plan, u) != nullptr; });
      found.merge(readers(graph, plan, next));
    }
  }
  return found;
}

}  // namespace

std::vector<UnfusedPair> unfused_pairs(const Graph& graph, const Plan& plan,
                                       const Runtime& runtime) {
  const PlannedGraph planned(graph, plan);
  std::vector<UnfusedPair> out;
  for (size_t i = 0; i < plan.quantizers.size(); ++i) {
    const Quantizer& q = plan.quantizers[i];
    if (q.weight) continue;
    for (NodeId id : readers(graph, plan, q.uses)) {
      const Node& node = graph.node(id);
      if (const auto reason = runtime.computes_in_floats(planned, i, node))
        out.push_back({graph.value(q.value).name, node.name, node.type, std::string(runtime.name),
                       std::string(*reason)});
    }
  }
  return out;
}

std::string to_text(const std::vector<UnfusedPair>& pairs,
                    std::span<const Runtime* const> runtimes) {
  std::string text;
  for (size_t i = 0; i < runtimes.size(); ++i) {
    std::map<std::string_view, int64_t> reasons;
    for (const UnfusedPair& pair : pairs) {
      if (pair.runtime != runtimes[i]->name) continue;
      if (i == 0)
        text += fmt::format("unfused {} -> {} ({}) | {}: {}\n", pair.quantizer, pair.node,
                            pair.type, pair.runtime, pair.reason);
      ++reasons[pair.reason];
    }
    if (i > 0)
      for (const auto& [reason, count] : reasons)
        text += fmt::format("unfused: {} pairs | {}: {}\n", count, runtimes[i]->name, reason);
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<UnfusedPair>& pairs) {
  auto json = nlohmann::ordered_json::array();
  for (const UnfusedPair& pair : pairs)
    json.push_back({{"quantizer", pair.quantizer},
                    {"node", pair.node},
                    {"type", pair.type},
                    {"runtime", pair.runtime},
                    {"reason", pair.reason}});
  return json;
}

}  // namespace eightbit
