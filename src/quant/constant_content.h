// What a replaced constant holds, told as shortly as is exact:
//   {"axis": 1, "factor": [...]}        what was there before, times a factor a channel
//   {"step": [...], "moved": "..."}     levels of its quantizer times a step a channel; `moved`
//   (packed i8) is how far each
//                                       level is from the nearest one, and left out where none is
//   {"bytes": "..."}                    the packed bytes
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "quant/plan.h"

namespace eightbit {

// `before`: the quantizers and scales of the plan, and the constants in front of this one. Needs
// `uses`.
nlohmann::ordered_json write_content(const ConstantReplacement& constant, const Graph& graph,
                                     const Plan& before);

// Fills in `tensor`, whose type and shape are set, and the factor; false where the content does not
// fit.
bool read_content(const nlohmann::ordered_json& json, const Graph& graph, const Plan& before,
                  ConstantReplacement& constant);

}  // namespace eightbit
