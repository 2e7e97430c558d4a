// A plan as the instructions that an external network carries out, and back.
#pragma once

#include <eightbit/external.h>

#include "quant/plan.h"

namespace eightbit::external {

// Throws Unsupported for FP8.
// `integers`: with the stored integers of weights, where the plan wants them compressed.
Instructions instructions_of(const Graph& graph, const Plan& plan, bool integers);

// A plan without ranges: the quantizers that a network asks for.
Plan plan_of(const Graph& graph, const std::vector<QuantizerRequest>& requests);

}  // namespace eightbit::external
