// Layers that stay in float for what their inputs were like.
#pragma once

#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

// Layers in bodies that no sample came to, and those of tensors without elements: their inputs have
// no range. Takes their quantizers out of the plan, and says so in its notes and in a warning.
void leave_unseen_in_float(const records::StatisticsData& statistics, Plan& plan);

// Layers that read an input of the model, as it is or only moved, where one sample in twenty fills
// fewer than 32 of the 256 levels that the loudest needs, as sound does. Its peaks stand 12 dB
// above its mean, so that rounding alone leaves such a sample about 20 dB of signal to noise, and
// what reads it cannot get any back. Takes their quantizers out of the plan, and says so in its
// notes.
void leave_faint_inputs_in_float(const Graph& graph, const records::StatisticsData& statistics,
                                 Plan& plan);

}  // namespace eightbit::algorithms
