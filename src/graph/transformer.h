// Whether a network is a transformer, for users who do not say.
#pragma once

#include "graph/graph.h"

namespace eightbit {

// Attention: a product of two activations, as a matrix product or an Einsum, one of them a softmax.
// And no more convolutions than products with a weight, as in convolutional networks with a few
// attention blocks the convolutions decide.
bool is_transformer(const Graph& graph);

// Whether a node yields the scores of attention: softmax follows, behind ops that work element by
// element or move elements.
bool yields_scores(const Graph& graph, const Node& node);

}  // namespace eightbit
