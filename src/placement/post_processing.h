// The tail of a detector behind its last weighted layers (box decoding, sorting, suppression),
// which stays in float.
#pragma once

#include <vector>

#include "graph/inference_graph.h"

namespace eightbit::placement {

// Nodes on a path that leads from a weighted node or an input to a result, without another weighted
// node on it, and through a marker (top_k, non_max_suppression). The ends of the path are not
// included. In graph order.
std::vector<NodeId> post_processing_nodes(const InferenceGraph& flow);

}  // namespace eightbit::placement
