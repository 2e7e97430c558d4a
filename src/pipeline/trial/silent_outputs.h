// Outputs that say nothing on the samples of a trial, as a detector's map of pictures that show
// nothing: what is measured on them tells little of what users will see.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/graph.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {

struct SilentSamples {
  int64_t count = 0;
  double largest = 0;  // value of an output in them
};

// Where all outputs in floats come from sigmoids, the samples in which all stay near 0, in the
// float model too: where that is nine in ten or more. `parts`: what `tried` was judged by.
std::optional<SilentSamples> silent_samples(const Graph& graph, const Tried& tried,
                                            const std::vector<search::OutputPart>& parts);

}  // namespace eightbit
