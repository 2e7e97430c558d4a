// ov::Model to Graph, with the way back from every id to the OpenVINO object.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace eightbit::openvino {

// The objects belong to the model that was read; keep that alive.
struct Reading {
  Graph graph;
  Indexed<NodeId, std::shared_ptr<ov::Node>> nodes;
  Indexed<ValueId, ov::Output<ov::Node>> values;  // a constant's is the end of its chain
  std::unordered_map<const ov::Node*, NodeId> ids;
  std::unordered_map<const ov::Node*, std::vector<ValueId>>
      constant_ids;             // by output port; kNone: not used
  Indexed<NodeId, int> bodies;  // which body of Node::owner holds the node

  ValueId value_of(const ov::Output<ov::Node>& output) const;  // kNone when it is not in the graph
};

// The branches of If are part of the graph, behind the nodes of the model that holds them and
// joined to it by Node::owner alone; bodies of Loop and TensorIterator are graphs of their own. The
// model is not changed. Names are made unique: the later of two equal names gets a suffix.
// Throws ModelError when bodies are nested too deeply.
Reading read_graph(const ov::Model& model);

}  // namespace eightbit::openvino
