// Whether a network is a transformer, for users who do not say.
#pragma once

#include "graph/graph.h"

namespace eightbit {

// Attention: a product of two activations, one of them a softmax. And no more convolutions than products with a weight, as in
// convolutional networks with a few attention blocks the convolutions decide.
bool is_transformer(const Graph& graph);

}  // namespace eightbit
