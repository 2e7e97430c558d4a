// Weights as algorithms see them: values by channel, with earlier replacements of the plan applied.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"
#include "quant/channels.h"
#include "quant/plan.h"

namespace eightbit::algorithms {

struct Extremes {
  std::vector<float> min, max, abs_max;  // by channel
};
Extremes extremes(std::span<const float> values, const Shape& shape,
                  const std::vector<int64_t>& axes);

// Input port of the weight of a node (a float constant on a weight port), or kNone.
int32_t weight_port(const Graph& graph, NodeId node);
// Axes of the weight that are output channels, and the axis that meets the activation's channels
// (kNone for none).
std::vector<int64_t> output_axes(const Graph& graph, NodeId node, int32_t port);
int64_t input_axis(const Graph& graph, NodeId node, int32_t port);
// Channel axis of the node's output 0, and of its activation input; kNone where the rank is not
// known.
int64_t output_channel_axis(const Graph& graph, NodeId node);
int64_t activation_channel_axis(const Graph& graph, NodeId node, int32_t activation_port);

}  // namespace eightbit::algorithms
