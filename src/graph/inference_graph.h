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
  Indexed<NodeId, bool> alive;
  // one entry an edge between living nodes; producers in port order
  Indexed<NodeId, std::vector<NodeId>> producers, consumers;

  bool is_alive(NodeId node) const { return alive[node]; }
  const Node& node(NodeId id) const { return graph->node(id); }
  Op op(NodeId id) const { return graph->node(id).op; }
  const std::vector<NodeId>& producers_of(NodeId id) const { return producers[id]; }
  const std::vector<NodeId>& consumers_of(NodeId id) const { return consumers[id]; }
};

InferenceGraph build_inference_graph(const Graph& graph);

}  // namespace eightbit
