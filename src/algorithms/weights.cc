#include "algorithms/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace eightbit::algorithms {

Extremes extremes(std::span<const float> values, const Shape& shape,
                  const std::vector<int64_t>& axes) {
  const auto channels = static_cast<size_t>(channel_count(shape, axes));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Extremes out{
      std::vector<float>(channels, kInfinity), std::vector<float>(channels, -kInfinity), {}};
  for_each_run(shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
    float low = out.min[static_cast<size_t>(channel)], high = out.max[static_cast<size_t>(channel)];
    for (int64_t i = first; i < first + count; ++i) {
      low = std::min(low, values[static_cast<size_t>(i)]);
      high = std::max(high, values[static_cast<size_t>(i)]);
    }
    out.min[static_cast<size_t>(channel)] = low;
    out.max[static_cast<size_t>(channel)] = high;
  });
  for (size_t c = 0; c < channels; ++c)
    out.abs_max.push_back(std::max(std::fabs(out.min[c]), std::fabs(out.max[c])));
  return out;
}

int32_t weight_port(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const auto ports = std::min<size_t>(row(node.op).weight_ports, node.inputs.size());
  for (size_t port = 0; port < ports; ++port) {
    const ValueId input = node.inputs[port];
    if (input != kNone && graph.value(input).is_constant() && is_float(graph.value(input).dtype))
      return static_cast<int32_t>(port);
  }
  return kNone;
}

std::vector<int64_t> output_axes(const Graph& graph, NodeId id, int32_t port) {
  const Node& node = graph.node(id);
  const auto rank =
      static_cast<int>(graph.value(node.inputs[static_cast<size_t>(port)]).shape.size());
  return weight_channel_axes(node.op, rank, port, node.attributes.transpose_a,
                             node.attributes.transpose_b);
}

int64_t input_axis(const Graph& graph, NodeId id, int32_t port) {
  const Node& node = graph.node(id);
  const auto rank =
      static_cast<int64_t>(graph.value(node.inputs[static_cast<size_t>(port)]).shape.size());
  switch (row(node.op).weight_layout) {
    case WeightLayout::output_first:
      return 1;
    case WeightLayout::output_second:
      return 0;
    case WeightLayout::matmul: {
      if (rank < 2) return 0;
      const bool transposed = port == 0 ? node.attributes.transpose_a : node.attributes.transpose_b;
      return (port == 0) != transposed ? rank - 1 : rank - 2;
    }
    default:
      return kNone;
  }
}

int64_t output_channel_axis(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const auto rank = static_cast<int64_t>(graph.value(node.outputs[0]).shape.size());
  if (row(node.op).weight_layout != WeightLayout::matmul) return rank > 1 ? 1 : kNone;
  const int32_t port = weight_port(graph, id);
  if (port == kNone || rank == 0) return kNone;
  return port == 0 ? rank - 2 : rank - 1;
}

int64_t activation_channel_axis(const Graph& graph, NodeId id, int32_t port) {
  const Node& node = graph.node(id);
  const auto rank =
      static_cast<int64_t>(graph.value(node.inputs[static_cast<size_t>(port)]).shape.size());
  if (row(node.op).weight_layout != WeightLayout::matmul) return rank > 1 ? 1 : kNone;
  if (rank < 2) return rank == 1 ? 0 : kNone;
  const bool transposed = port == 0 ? node.attributes.transpose_a : node.attributes.transpose_b;
  return (port == 0) != transposed ? rank - 1 : rank - 2;
}

}  // namespace eightbit::algorithms
