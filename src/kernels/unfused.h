// Pairs of quantizer and reader that a runtime does not turn into an integer kernel: they cost time
// and save none.
#pragma once

#include <eightbit/quantize.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "kernels/runtime.h"
#include "quant/plan.h"

namespace eightbit {

// By quantizer and reader, activations only.
std::vector<UnfusedPair> unfused_pairs(const Graph& graph, const Plan& plan,
                                       const Runtime& runtime);

// Lines for people: every pair that the first runtime does not fuse, counts for the others. Empty
// where all fuse.
std::string to_text(const std::vector<UnfusedPair>& pairs,
                    std::span<const Runtime* const> runtimes);

nlohmann::ordered_json to_json(const std::vector<UnfusedPair>& pairs);

}  // namespace eightbit
