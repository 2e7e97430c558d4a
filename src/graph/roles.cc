#include "graph/roles.h"

#include <algorithm>

namespace eightbit {
namespace {

bool is_transposed_input(const Node& node, int32_t port) {
  return port == 0 ? node.attributes.transpose_a : node.attributes.transpose_b;
}

int64_t rank_of(const Graph& graph, Use use) {
  return static_cast<int64_t>(graph.value(graph.input(use)).shape.size());
}

// Of a matrix on `port` of a product: the axis that is summed over.
int64_t inner_axis(const Node& node, int32_t port, int64_t rank) {
  return (port == 0) != is_transposed_input(node, port) ? rank - 1 : rank - 2;
}

}  // namespace

bool is_convolution(Op op) {
  return op == Op::convolution || op == Op::group_convolution || op == Op::depthwise_convolution;
}

bool is_transposed(Op op) {
  return op == Op::convolution_backprop || op == Op::group_convolution_backprop;
}

bool has_groups(Op op) {
  const WeightLayout layout = row(op).weight_layout;
  return layout == WeightLayout::grouped || layout == WeightLayout::grouped_backprop;
}

bool opens_quantizer(Op op) {
  return op == Op::fake_quantize || op == Op::fake_convert || op == Op::quantize_linear;
}

bool closes_quantizer(Op op) {
  return op == Op::fake_quantize || op == Op::fake_convert || op == Op::dequantize_linear;
}

bool reads_constant(const Graph& graph, const Node& node, size_t port) {
  return port < node.inputs.size() && node.inputs[port] != kNone &&
         graph.value(node.inputs[port]).is_constant();
}

bool reads_any_constant(const Graph& graph, const Node& node) {
  return std::ranges::any_of(
      node.inputs, [&](ValueId id) { return id != kNone && graph.value(id).is_constant(); });
}

bool comes_from(const Graph& graph, ValueId value, Op op) {
  while (value != kNone && graph.value(value).producer != kNone) {
    const Node& node = graph.node(graph.value(value).producer);
    if (node.op == op) return true;
    if (!moves(node.op) || node.inputs.empty()) return false;
    value = node.inputs[0];
  }
  return false;
}

std::vector<ValueId> varying_inputs(const Graph& graph, const Node& node) {
  std::vector<ValueId> varying;
  for (ValueId input : node.inputs)
    if (input != kNone && !graph.value(input).is_constant()) varying.push_back(input);
  return varying;
}

std::vector<int32_t> weight_ports(const Graph& graph, const Node& node) {
  std::vector<int32_t> ports;
  const auto end = std::min<size_t>(row(node.op).weight_ports, node.inputs.size());
  for (size_t port = 0; port < end; ++port)
    if (reads_constant(graph, node, port) && is_float(graph.value(node.inputs[port]).dtype))
      ports.push_back(static_cast<int32_t>(port));
  return ports;
}

int32_t weight_port(const Graph& graph, NodeId node) {
  const auto ports = weight_ports(graph, graph.node(node));
  return ports.empty() ? kNone : ports.front();
}

bool is_own_constant(const Graph& graph, Use use) {
  const ValueId id = graph.input(use);
  return id != kNone && graph.value(id).is_constant() && graph.value(id).uses.size() == 1;
}

std::optional<Use> bias_behind(const Graph& graph, NodeId node) {
  const Value& output = graph.value(graph.node(node).outputs.at(0));
  if (output.uses.size() != 1) return std::nullopt;
  const Use use = output.uses[0];
  const Node& add = graph.node(use.node);
  if (add.op != Op::add || add.inputs.size() != 2) return std::nullopt;
  const Use other{use.node, 1 - use.port};
  return reads_constant(graph, add, static_cast<size_t>(other.port)) ? std::optional(other)
                                                                     : std::nullopt;
}

WeightAxes weight_axes(const Graph& graph, Use use) {
  const WeightLayout layout = row(graph.node(use.node).op).weight_layout;
  WeightAxes axes{output_axes(graph, use), input_axis(graph, use)};
  if (layout == WeightLayout::grouped) axes.input_axis = 2;
  if (layout == WeightLayout::grouped_backprop) axes.input_axis = 1;
  return axes;
}

std::vector<int64_t> output_axes(const Graph& graph, Use use) {
  const Node& node = graph.node(use.node);
  return weight_channel_axes(node.op, static_cast<int>(rank_of(graph, use)), use.port,
                             node.attributes.transpose_a, node.attributes.transpose_b);
}

int64_t input_axis(const Graph& graph, Use use) {
  const Node& node = graph.node(use.node);
  const int64_t rank = rank_of(graph, use);
  switch (row(node.op).weight_layout) {
    case WeightLayout::output_first:
      return 1;
    case WeightLayout::output_second:
      return 0;
    case WeightLayout::matmul:
      return rank < 2 ? 0 : inner_axis(node, use.port, rank);
    default:
      return kNone;
  }
}

bool meets_weight(const Graph& graph, Use use) {
  const int32_t weight = weight_port(graph, use.node);
  return weight != kNone && weight != use.port;
}

int64_t channel_axis(const Value& value) {
  const auto rank = static_cast<int64_t>(value.shape.size());
  if (rank < 2) return kNone;
  return value.channels_last ? rank - 1 : 1;
}

int64_t output_channel_axis(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const Value& output = graph.value(node.outputs[0]);
  if (!is_product(node.op)) return channel_axis(output);
  const auto rank = static_cast<int64_t>(output.shape.size());
  const int32_t port = weight_port(graph, id);
  if (port == kNone || rank == 0) return kNone;
  return port == 0 ? rank - 2 : rank - 1;
}

int64_t activation_channel_axis(const Graph& graph, Use use) {
  const Node& node = graph.node(use.node);
  if (!is_product(node.op)) return channel_axis(graph.value(graph.input(use)));
  const int64_t rank = rank_of(graph, use);
  if (rank < 2) return rank == 1 ? 0 : kNone;
  return inner_axis(node, use.port, rank);
}

}  // namespace eightbit
