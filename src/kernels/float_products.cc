#include "kernels/float_products.h"

#include <algorithm>
#include <set>

#include "graph/roles.h"

namespace eightbit {
namespace {

bool multiplies(Op op) { return op == Op::multiply || op == Op::divide; }
bool is_mean(Op op) { return op == Op::reduce_mean || op == Op::avg_pool; }

// Whether hard swish yields the value, but for constants that change it on its way.
bool is_behind_hard_swish(const Graph& graph, ValueId value) {
  while (value != kNone && graph.value(value).producer != kNone) {
    const Node& node = graph.node(graph.value(value).producer);
    if (node.op == Op::hswish) return true;
    if (!multiplies(node.op) && node.op != Op::add && node.op != Op::subtract) return false;
    const std::vector<ValueId> varying = varying_inputs(graph, node);
    value = varying.size() == 1 ? varying[0] : kNone;
  }
  return false;
}

bool layer_needs_no_quantizer(const Graph& graph, const Kernels& kernels, const Node& product) {
  if (kernels.layers_may_end_in_floats) return true;
  return !kernels.layers_end_in_any_activation &&
         std::ranges::any_of(product.inputs,
                             [&](ValueId input) { return is_behind_hard_swish(graph, input); });
}

}  // namespace

void leave_products_in_float(const Graph& graph, const Kernels& kernels, Plan& plan) {
  const auto op = [&](const Use& use) { return graph.node(use.node).op; };
  const auto serves_products = [&](const Quantizer& q) {
    if (q.weight || q.group != kNone) return false;
    const auto is_free = [&](const Use& use) {
      return !multiplies(op(use)) || layer_needs_no_quantizer(graph, kernels, graph.node(use.node));
    };
    return std::ranges::any_of(q.uses, [&](const Use& use) { return multiplies(op(use)); }) &&
           std::ranges::all_of(q.uses, is_free) && std::ranges::all_of(q.uses, [&](const Use& use) {
             return multiplies(op(use)) || is_mean(op(use));
           });
  };
  std::set<NodeId> left;
  for (const Quantizer& q : plan.quantizers)
    if (serves_products(q))
      for (const Use& use : q.uses) left.insert(use.node);
  std::erase_if(plan.quantizers, serves_products);
  for (NodeId node : left)
    plan.left_float.push_back({node, "computes in floats whatever it reads"});
}

}  // namespace eightbit
