// The order of nodes.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Brings the nodes into topological order; they keep their order where they can. What bodies read
// counts as input. Returns null, or a node that cannot be placed because it depends on itself; the
// order is unchanged then.
const NodeProto* sort_nodes(GraphProto& graph);

}  // namespace eightbit::onnx
