#include "graph/transformer.h"

#include <algorithm>
#include <set>
#include <vector>

#include "graph/roles.h"

namespace eightbit {
namespace {

bool varies(const Graph& graph, ValueId value) {
  return value != kNone && !graph.value(value).is_constant();
}

// A product with a weight, in whatever spelling.
bool is_weighted_product(const Graph& graph, const Node& node) {
  if (node.op == Op::einsum) return reads_any_constant(graph, node);
  return has(node.op, kSmoothQuantMatMul) && weight_port(graph, node.id) != kNone;
}

bool is_attention(const Graph& graph, const Node& node) {
  if (node.op == Op::scaled_dot_product_attention) return true;
  const bool product = node.op == Op::mat_mul || node.op == Op::einsum;
  if (!product || node.inputs.size() < 2) return false;
  return varies(graph, node.inputs[0]) && varies(graph, node.inputs[1]) &&
         (comes_from(graph, node.inputs[0], Op::softmax) ||
          comes_from(graph, node.inputs[1], Op::softmax));
}

}  // namespace

bool is_transformer(const Graph& graph) {
  int64_t products = 0, convolutions = 0;
  for (const Node& node : graph.nodes) {
    if (is_weighted_product(graph, node))
      ++products;
    else if (has(node.op, kLinear) && weight_port(graph, node.id) != kNone)
      ++convolutions;
  }
  return products >= convolutions && std::ranges::any_of(graph.nodes, [&](const Node& node) {
           return is_attention(graph, node);
         });
}

bool yields_scores(const Graph& graph, const Node& node) {
  std::vector<NodeId> open = {node.id};
  std::set<NodeId> seen;
  while (!open.empty()) {
    const Node& at = graph.node(open.back());
    open.pop_back();
    for (ValueId output : at.outputs)
      for (const Use& use : graph.value(output).uses) {
        const Node& reader = graph.node(use.node);
        if (reader.op == Op::softmax) return true;
        const bool follows = passes_on(reader.op) || has(reader.op, kArithmetic) ||
                             reader.op == Op::select || reader.op == Op::maximum;
        if (follows && seen.insert(reader.id).second) open.push_back(reader.id);
      }
  }
  return false;
}

}  // namespace eightbit
