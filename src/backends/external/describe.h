// From the description of an external network to the neutral graph.
#pragma once

#include <eightbit/external.h>

#include "graph/graph.h"

namespace eightbit::external {

// Ids of nodes and values are those of the description. Throws ModelError naming the node.
Graph build_graph(const Description& description);

}  // namespace eightbit::external
