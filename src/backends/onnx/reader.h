// ONNX to Graph, with the way back from every id to nodes and tensors of the ModelProto.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/onnx/proto/graph_index.h"
#include "backends/onnx/proto/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

struct Reading {
  Graph graph;
  // Indices into GraphProto::node; several where one node of the graph stands for a
  // spelled-out op, the last of them yields its output; none for inputs and outputs of the model.
  Indexed<NodeId, std::vector<int>> nodes;
  // By port: every place of the GraphProto that reads that input; none for what only
  // bodies read.
  Indexed<NodeId, std::vector<std::vector<InputRef>>> inputs;
  Indexed<ValueId, std::string> values;  // the tensor's name
  // The other way; grouped weights are not in it. A constant that several bodies read is a value of
  // each of them, and here one of these.
  std::unordered_map<std::string, ValueId> ids;
  // weights shown as [groups, ...]: the model joins the first two axes
  std::unordered_set<ValueId> grouped;
  // which body of Node::owner holds the node
  Indexed<NodeId, int> bodies;

  ValueId value_of(const std::string& tensor) const;  // kNone when it is not in the graph
  // nullopt where it is not known
  std::optional<int64_t> rank_of(const std::string& tensor) const;
};

// Names are made unique; a node without one is called after its first output. Open bodies
// (bodies.h) are part of the graph, behind the nodes of the scope that holds their owner and joined
// to it by Node::owner alone: they begin with parameters and end in results of their own. Closed
// ones become Node::bodies, in the order of their attributes. `content` is shared with the graph's
// constants. Weights of grouped convolutions are shown as [groups, ...], which moves no byte.
// Throws ModelError naming node and op.
Reading read_graph(const std::shared_ptr<const Content>& content);

}  // namespace eightbit::onnx
