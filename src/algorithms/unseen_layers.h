// Layers in bodies that no sample came to, and those of tensors without elements, stay in float:
// their inputs have no range.
#pragma once

#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

// Takes their quantizers out of the plan, and says so in its notes and in a warning.
void leave_unseen_in_float(const Graph& graph, const records::StatisticsData& statistics,
                           Plan& plan);

}  // namespace eightbit::algorithms
