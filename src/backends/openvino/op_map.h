// From OpenVINO's op types to ours: one table, and the few ops whose inputs decide.
#pragma once

#include <openvino/core/node.hpp>

#include "graph/graph.h"

namespace eightbit::openvino {

// Says whether an output is a constant (folded subgraphs included).
using IsConstant = std::function<bool(const ov::Output<ov::Node>&)>;

// Op::unknown for types that are not in the table.
Op map_op(const ov::Node& node, const IsConstant& is_constant);
Attributes read_attributes(const ov::Node& node);

}  // namespace eightbit::openvino
