// Groups of quantizers that can only be taken out together: all that reach one layer, for a layer
// computes in integers only where all of its inputs are quantized.
//
// A quantizer reaches the layers that read it, also through ops that hand their input on (pools,
// reshapes, concat), up to the next quantizer. Two that reach one layer belong together, and so do
// members of such a chain.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"

namespace eightbit::search {

struct QuantizerGroup {
  std::vector<size_t> quantizers;  // indices into plan.quantizers, sorted
  std::vector<NodeId> layers;      // what computes in float without them, sorted
};

// In the order of their first layers.
std::vector<QuantizerGroup> quantizer_groups(const Graph& graph, const Plan& plan);

// The plan without these groups: without their quantizers, with weights as they were before
// rounding, and with the biases of layers that are in float now as they were. `only_activations`:
// weights stay quantized.
Plan without_groups(const Graph& graph, const Plan& plan, const std::vector<QuantizerGroup>& groups,
                    std::span<const int> taken_out, bool only_activations);

}  // namespace eightbit::search
