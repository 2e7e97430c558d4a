#include "graph/settle.h"

#include "graph/roles.h"

namespace eightbit {
namespace {

// Weights are [groups, outputs, inputs, ...]; one that is computed may still be
// [outputs, inputs, ...], as its framework has it.
bool has_one_input_a_group(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2 || node.inputs[0] == kNone || node.inputs[1] == kNone) return false;
  const Value& input = graph.value(node.inputs[0]);
  const Value& weight = graph.value(node.inputs[1]);
  const bool whole =
      !weight.is_constant() && input.rank_known && weight.shape.size() == input.shape.size();
  if (whole) return weight.shape.size() > 1 && weight.shape[1] == 1;
  return weight.shape.size() > 2 && weight.shape[0] > 1 && weight.shape[2] == 1;
}

Op settled(const Graph& graph, const Node& node, const Settling& settling) {
  switch (node.op) {
    case Op::divide:
      return settling.by_constant && reads_constant(graph, node, 1) ? Op::multiply : node.op;
    case Op::subtract:
      return settling.by_constant && reads_constant(graph, node, 1) ? Op::add : node.op;
    case Op::gather:
      return settling.look_ups && reads_constant(graph, node, 0) &&
                     is_float(graph.value(node.inputs[0]).dtype)
                 ? Op::embedding
                 : node.op;
    case Op::group_convolution:
      return has_one_input_a_group(graph, node) ? Op::depthwise_convolution : node.op;
    default:
      return node.op;
  }
}

void count_axis_from_front(const Graph& graph, Node& node) {
  auto& axis = node.attributes.axis;
  if (!axis || *axis >= 0 || node.inputs.empty() || node.inputs[0] == kNone) return;
  const Value& input = graph.value(node.inputs[0]);
  if (input.rank_known) *axis += static_cast<int64_t>(input.shape.size());
}

}  // namespace

void settle(Graph& graph, const Settling& settling) {
  for (Node& node : graph.nodes) {
    node.op = settled(graph, node, settling);
    count_axis_from_front(graph, node);
  }
}

}  // namespace eightbit
