// Models that somebody has quantized before.
#pragma once

#include <string>

#include "graph/graph.h"

namespace eightbit {

// A warning that counts what rounds or computes in integers, by type; empty where nothing does.
std::string quantized_already(const Graph& graph);

}  // namespace eightbit
