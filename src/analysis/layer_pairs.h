// A float model and its quantized form side by side: nodes that have one name and type in both, and
// how the quantized one is taken apart so that each layer of it reads the float model's values.
#pragma once

#include <vector>

#include "backends/network.h"
#include "graph/graph.h"

namespace eightbit {

// The same node in the quantized model, or kNone.
NodeId twin_of(const Node& node, const Graph& quantized);

// True where two values can be compared: floats of one rank.
bool comparable(const Value& a, const Value& b);

// Throws InvalidArgument when inputs differ in number, type or shape.
void check_inputs(const backends::Network& reference, const backends::Network& quantized);

// By value of the quantized model: quantized, and nothing has been computed with it since (it was
// only reshaped, joined, ...).
Indexed<ValueId, bool> carries_quantized(const Graph& quantized);

// Whether a node reads a quantized activation or weight.
bool reads_quantized(const Graph& quantized, const Indexed<ValueId, bool>& carries,
                     const Node& node);

// Every layer by itself: its inputs are the float model's, quantized.
std::vector<backends::Cut> cuts_between(const Graph& reference, const Graph& quantized,
                                        const Indexed<ValueId, bool>& carries);

// The quantizers of activations, from inputs to outputs: without them only weights are quantized.
std::vector<NodeId> activation_quantizers(const Graph& reference, const Graph& quantized);

}  // namespace eightbit
