// The groups of quantizers for which integers do not pay on this machine go back to floats.
//
// Needs:   a settled plan (quality_floor.h), kept samples, and a runtime that tells the
//          times of layers.
// Does:    compares the runtime's own times of each group in the quantized network and in the float
//          one, chooses those that should leave (pipeline/placement_choice.h), writes the model
//          without them and lets it take turns with the best one so far, both run by the runtime's
//          defaults. Where it is clearly faster, it is the best one, and its own times tell what to
//          try next, for neighbours interact; where it is not, half of the groups is tried. In the
//          end the best one takes turns with the whole quantized model and the float model: where
//          the float model is faster than both, all groups leave. Where other work on the machine
//          makes these times a matter of chance, the least times of all layers, added up, decide. A
//          model that is less accurate than the one before is not taken. Biases are corrected anew
//          where that helps.
// Source:  own design. What leaves stands in the plan and in its recipe, which measures nothing.
#pragma once

#include <eightbit/options.h>
#include <eightbit/run.h>

#include <string_view>

#include "base/journal.h"
#include "pipeline/planned.h"
#include "pipeline/trial/quality_floor.h"

namespace eightbit {

// What reasons of layers begin with that are left in floats here.
inline constexpr std::string_view kDoNotPay = "integers do not pay here";

// Changes the plan of `settled`, and then its trial run. Takes about `seconds`, and at least the
// time of one attempt; nearly none where the journal tells what an earlier run has decided.
void place_by_time(const Planned& planned, const records::StatisticsData& statistics,
                   const QuantizeOptions& options, const RunOptions& run, double seconds,
                   Settled& settled, Journal& journal);

}  // namespace eightbit
