// Computations whose results are read as sizes, scales or places and as nothing else: the ratio of
// a Resize, the end of a Slice, the indices of a Gather. A rounded number there changes shapes, or
// takes another element.
#pragma once

#include <vector>

#include "graph/inference_graph.h"

namespace eightbit::placement {

// Not the layers with weights that such a computation starts from.
std::vector<NodeId> deciding_nodes(const InferenceGraph& flow);

}  // namespace eightbit::placement
