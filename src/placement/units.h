// The graph as the solver sees it: fused chains count as one op, and what must stay in float is
// marked.
#pragma once

#include <eightbit/options.h>

#include <string>
#include <vector>

#include "graph/inference_graph.h"
#include "placement/devices.h"

namespace eightbit::placement {

struct Unit {
  NodeId first = kNone;                    // reads the inputs; decides what the unit is
  NodeId last = kNone;                     // writes the outputs
  Trait trait = Trait::non_quantizable;    // after all reasons to stay in float
  Trait natural = Trait::non_quantizable;  // what it would be without them
  std::string reason;                      // why it stays in float; empty: it does not
  bool unified = false;
};

struct UnitGraph {
  InferenceGraph flow;
  std::vector<Unit> units;   // in graph order of their first nodes
  std::vector<int> unit_of;  // by node; -1 for nodes that are not alive
  std::vector<std::string> notes;

  const Node& first(const Unit& unit) const { return flow.node(unit.first); }
  const Node& last(const Unit& unit) const { return flow.node(unit.last); }
  // Whether a living node produces input `port` of `node`, as a floating point tensor that carries
  // data.
  bool is_activation(const Node& node, size_t port) const;
  // Whether axis 1 in front of the unit and behind it may be different axes.
  bool moves_channels(const Unit& unit) const;
};

UnitGraph build_units(const Graph& graph, const QuantizeOptions& options, const Device& device);

// Input ports that hold a weight: a constant in floating point on a port that can.
std::vector<int32_t> weight_ports(const Graph& graph, const Node& node);

}  // namespace eightbit::placement
