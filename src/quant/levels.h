// What a plan makes integers of.
#pragma once

#include "quant/plan.h"

namespace eightbit {

// Whether `use` reads levels of one quantizer: its own, or one in front of ops that only move
// values; behind Concat, those of quantizers that share their scale.
bool reads_levels(const Graph& graph, const Plan& plan, Use use);

}  // namespace eightbit
