// Constant subgraphs: which nodes compute nothing but constants, and their values.
#pragma once

#include <openvino/core/node.hpp>

#include "graph/graph.h"

namespace eightbit::openvino {

// A constant by itself: stored, or the shape of a tensor whose shape is known.
bool is_leaf_constant(const ov::Node& node);

// True for an op that, fed by constants only, always gives the same result that we can compute.
bool is_foldable(const ov::Node& node);

// The leaf that carries the data behind `output` of a constant subgraph: at every node the largest
// input is followed (weights, not scales or shapes).
std::shared_ptr<ov::Node> stored_constant(const ov::Output<ov::Node>& output);

// The tensor at `output` of a constant subgraph: shared where it is a stored constant, else
// computed. Throws ModelError when an op cannot be computed.
Tensor evaluate_constant(const ov::Output<ov::Node>& output);

// What the graph stores of it; nothing is loaded.
Constant make_constant(const ov::Output<ov::Node>& output);

}  // namespace eightbit::openvino
