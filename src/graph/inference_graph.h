// What remains of a graph when constants and shape computations are set aside: the part through
// which data flows from the inputs to the results, and the only part in which quantizers are
// placed.
//
// Alive is what can be reached from the inputs, states and embedding look-ups without passing a
// shape_of. Dead are the shape_of itself and everything that only depends on it; float producers in
// there that feed an op with kPreservesFloatProducers (an LSTM's initial state) stay alive.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace eightbit {

struct InferenceGraph {
  const Graph* graph = nullptr;
  std::vector<bool> alive;  // by node
  // by node: one entry an edge between living nodes, in port order
  std::vector<std::vector<NodeId>> producers;
  std::vector<std::vector<NodeId>> consumers;  // by node: one entry an edge between living nodes

  bool is_alive(NodeId node) const { return alive[static_cast<size_t>(node)]; }
  const Node& node(NodeId id) const { return graph->node(id); }
  Op op(NodeId id) const { return graph->node(id).op; }
  const std::vector<NodeId>& producers_of(NodeId id) const {
    return producers[static_cast<size_t>(id)];
  }
  const std::vector<NodeId>& consumers_of(NodeId id) const {
    return consumers[static_cast<size_t>(id)];
  }
};

InferenceGraph build_inference_graph(const Graph& graph);

}  // namespace eightbit
