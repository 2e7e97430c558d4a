// The range of a quantizer that stands in a model.
#pragma once

#include <optional>

#include "graph/graph.h"
#include "quant/fake_quantize.h"

namespace eightbit {

// Of a fake_quantize, fake_convert or quantize_linear node whose range is constant; nothing for
// other nodes. One entry, or one a channel. The levels of FP8 are 256.
std::optional<QuantizedRange> stored_range(const Graph& graph, const Node& node);

}  // namespace eightbit
