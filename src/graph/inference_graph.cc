#include "graph/inference_graph.h"

namespace eightbit {
namespace {

bool starts_data(Op op) {
  return op == Op::parameter || op == Op::read_value || op == Op::embedding ||
         op == Op::embedding_bag;
}

// Nodes are in topological order, so one sweep finds all that data reaches.
Indexed<NodeId, bool> reached_by_data(const Graph& graph) {
  Indexed<NodeId, bool> alive(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    bool reached = starts_data(node.op);
    for (ValueId input : node.inputs) {
      if (input == kNone || graph.value(input).producer == kNone) continue;
      reached = reached || alive[graph.value(input).producer];
    }
    alive[node.id] = reached && node.op != Op::shape_of;
  }
  return alive;
}

// Revives, in a backward sweep, dead float producers of the ops that need them as activations.
void revive_float_producers(const Graph& graph, Indexed<NodeId, bool>& alive) {
  Indexed<NodeId, bool> wants(graph.nodes.size());
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    const bool revived = wants[i] && !alive[i];
    if (revived) alive[i] = true;
    if (!revived && !(alive[i] && has(node.op, kPreservesFloatProducers))) continue;
    for (ValueId input : node.inputs) {
      if (input == kNone || graph.value(input).producer == kNone ||
          !is_float(graph.value(input).dtype))
        continue;
      wants[graph.value(input).producer] = true;
    }
  }
}

}  // namespace

InferenceGraph build_inference_graph(const Graph& graph) {
  InferenceGraph out;
  out.graph = &graph;
  out.alive = reached_by_data(graph);
  revive_float_producers(graph, out.alive);
  out.producers.resize(graph.nodes.size());
  out.consumers.resize(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    if (!out.is_alive(node.id)) continue;
    for (ValueId input : node.inputs) {
      const NodeId producer = input == kNone ? kNone : graph.value(input).producer;
      if (producer == kNone || !out.is_alive(producer)) continue;
      out.producers[node.id].push_back(producer);
      out.consumers[producer].push_back(node.id);
    }
  }
  return out;
}

}  // namespace eightbit
