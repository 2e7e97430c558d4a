#include "placement/post_processing.h"

#include "graph/roles.h"
#include "placement/units.h"

namespace eightbit::placement {
namespace {

bool ends_path(const InferenceGraph& flow, NodeId node) {
  const Op op = flow.op(node);
  return op == Op::result || op == Op::parameter ||
         !weight_ports(*flow.graph, flow.node(node)).empty();
}

// Nodes from which a result can be reached without passing a weighted node.
Indexed<NodeId, bool> tail_of(const InferenceGraph& flow) {
  Indexed<NodeId, bool> tail(flow.graph->nodes.size());
  for (size_t i = tail.size(); i-- > 0;) {
    const NodeId node = static_cast<NodeId>(i);
    for (NodeId consumer : flow.consumers_of(node))
      if (flow.op(consumer) == Op::result || (tail[consumer] && !ends_path(flow, consumer)))
        tail[i] = true;
  }
  return tail;
}

}  // namespace

std::vector<NodeId> post_processing_nodes(const InferenceGraph& flow) {
  const Indexed<NodeId, bool> tail = tail_of(flow);
  Indexed<NodeId, bool> above(tail.size()), below(tail.size());  // of a marker, along the tail
  const auto marks = [&](size_t i) {
    return has(flow.op(static_cast<NodeId>(i)), kPostProcessing);
  };
  for (size_t i = 0; i < tail.size(); ++i) {
    if (!tail[i] || ends_path(flow, static_cast<NodeId>(i))) continue;
    below[i] = marks(i);
    for (NodeId producer : flow.producers_of(static_cast<NodeId>(i)))
      if (below[producer]) below[i] = true;
  }
  for (size_t i = tail.size(); i-- > 0;) {
    if (!tail[i] || ends_path(flow, static_cast<NodeId>(i))) continue;
    above[i] = marks(i);
    for (NodeId consumer : flow.consumers_of(static_cast<NodeId>(i)))
      if (above[consumer]) above[i] = true;
  }
  std::vector<NodeId> out;
  for (size_t i = 0; i < tail.size(); ++i)
    if (above[i] || below[i]) out.push_back(static_cast<NodeId>(i));
  return out;
}

}  // namespace eightbit::placement
