// Tells the caller which options do nothing on a model; the rules are in config/effects.h.
#pragma once

#include <eightbit/options.h>

#include "config/effects.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit {

// `plan`: as placed with these options. `statistics`: null where data is measured.
RunFacts run_facts(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                   const records::StatisticsData* statistics);

// A warning in the log for each, and a note of the plan.
void report_without_effect(const std::vector<NoEffect>& found, std::vector<std::string>& notes);

}  // namespace eightbit
