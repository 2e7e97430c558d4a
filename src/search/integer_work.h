// How much of a network's arithmetic quantizers take into integers.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "search/quantizer_groups.h"

namespace eightbit::search {

// By node: multiplications of one sample, in layers with weights and in products of activations; 0
// for other ops. Dimensions that are not known count as 1, so that only ratios mean something.
Indexed<NodeId, double> multiplications(const Graph& graph);

// By group: its share of the multiplications that the plan's quantizers reach. 0 where there are
// none.
std::vector<double> work_shares(const Graph& graph, const std::vector<QuantizerGroup>& groups);

}  // namespace eightbit::search
