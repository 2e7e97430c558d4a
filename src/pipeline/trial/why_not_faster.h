// Why a quantized model is not faster than the float one on this machine, and what would help.
//
// Needs:   the times of a trial run, and what the runtime executed of the quantized model.
// Does:    tells what can be seen there and nothing else: a processor without instructions for
//          products of 8 bits, layers that compute in floats, conversions, layers so small that
//          fixed costs decide, a float model that runs in bf16.
#pragma once

#include <eightbit/options.h>
#include <eightbit/trial_run.h>

#include <string>
#include <vector>

#include "backends/network.h"

namespace eightbit {

// Whether the runtimes here have instructions that add up products of 8 bits (VNNI, AMX, those of
// ARM). ONEDNN_MAX_CPU_ISA counts as well.
bool has_integer_products();

// Sentences. `integer_products`: see above.
std::string why_not_faster(const TrialRun& trial,
                           const std::vector<backends::LayerPrecision>& executed,
                           bool integer_products, PlacementMode placement);

// Fills in trial.why_not_faster where it is not faster, with a warning where it is clearly slower.
// Where the runtime does not tell what it executed, nothing.
void explain_speed(const backends::Network& quantized, const Sample& sample,
                   PlacementMode placement, TrialRun& trial);

// Whether there is something to explain.
bool is_not_faster(const TrialRun& trial);

}  // namespace eightbit
