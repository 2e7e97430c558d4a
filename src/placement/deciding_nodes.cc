#include "placement/deciding_nodes.h"

#include <algorithm>

#include "graph/roles.h"

namespace eightbit::placement {
namespace {

// Where computations begin that are worth integers, whoever reads what comes out.
bool is_origin(Op op) { return op == Op::parameter || op == Op::read_value || takes_weight(op); }

std::vector<Use> uses_of(const Graph& graph, const Node& node) {
  std::vector<Use> uses;
  for (ValueId output : node.outputs)
    std::ranges::copy(graph.value(output).uses, std::back_inserter(uses));
  return uses;
}

}  // namespace

std::vector<NodeId> deciding_nodes(const InferenceGraph& flow) {
  const Graph& graph = *flow.graph;
  Indexed<NodeId, bool> decides(graph.nodes.size());
  std::vector<NodeId> out;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (!flow.is_alive(node.id) || is_origin(node.op)) continue;
    const std::vector<Use> uses = uses_of(graph, node);
    decides[i] = !uses.empty() && std::ranges::all_of(uses, [&](const Use& use) {
      return decides[use.node] ||
             !carries_data(graph.node(use.node).op, static_cast<size_t>(use.port));
    });
    if (decides[i]) out.push_back(node.id);
  }
  return out;
}

}  // namespace eightbit::placement
