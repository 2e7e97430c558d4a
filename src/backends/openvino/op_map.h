// From OpenVINO's op types to ours: one table of names. What inputs decide is in graph/settle.h.
#pragma once

#include <openvino/core/node.hpp>

#include "graph/graph.h"

namespace eightbit::openvino {

// Op::unknown for types that are not in the table.
Op map_op(const ov::Node& node);
Attributes read_attributes(const ov::Node& node);

}  // namespace eightbit::openvino
