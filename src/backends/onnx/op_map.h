// From ONNX's op types to ours: tables of names. What inputs decide is in graph/settle.h.
#pragma once

#include <functional>
#include <vector>

#include "backends/onnx/ort/engine.h"
#include "backends/onnx/proto/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

// What attributes depend on beside the node.
struct NodeContext {
  std::function<TensorType(const std::string&)> type_of;  // empty where nothing is known
  int64_t opset = 0;                                      // of the standard operators
};

// Op::unknown for types that are not in the table.
Op map_op(const NodeProto& node);
Attributes read_attributes(const NodeProto& node, const NodeContext& context);

// Which input of the node stands at each port of the graph's node, for ops whose inputs we order
// differently; empty: as they are.
std::vector<int> port_order(const NodeProto& node);

}  // namespace eightbit::onnx
