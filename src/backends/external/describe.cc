#include "backends/external/describe.h"

#include "base/error.h"
#include "graph/settle.h"

namespace eightbit::external {
namespace {

eightbit::Attributes attributes_of(const Attributes& from) {
  return {from.transpose_a, from.transpose_b, from.strides,      from.dilations,
          from.pads_begin,  from.pads_end,    from.auto_pad,     from.linear_before_reset,
          from.axis,        from.nearest,     from.channels_last};
}

void add(Graph& graph, const Constant& constant) {
  eightbit::Constant data;
  data.load = [tensor = constant.tensor] { return tensor; };
  data.quantized = constant.quantized;
  graph.add_constant(constant.name, constant.tensor.dtype, constant.tensor.shape, std::move(data));
}

void add(Graph& graph, const Node& node) {
  for (int32_t input : node.inputs)
    if (input != kNone && (input < 0 || static_cast<size_t>(input) >= graph.values.size()))
      fail<ModelError>("model", "node '{}' of type {} reads value {} before it is there", node.name,
                       node.type, input);
  const NodeId id = graph.add_node(node.name, node.type, op_from_name(node.op), node.inputs,
                                   attributes_of(node.attributes));
  for (const Output& output : node.outputs)
    graph.add_output(id, output.dtype, output.shape, output.rank_known);
}

}  // namespace

Graph build_graph(const Description& description) {
  Graph graph;
  for (const auto& item : description.items)
    std::visit([&](const auto& one) { add(graph, one); }, item);
  // Look-ups have a name of their own in frameworks that are described.
  settle(graph, {.look_ups = false});
  graph.check();
  return graph;
}

}  // namespace eightbit::external
