#include "quant/levels.h"

#include "graph/roles.h"

namespace eightbit {
namespace {

const Quantizer* source_of(const Graph& graph, const Plan& plan, Use use) {
  if (const Quantizer* own = quantizer_at(plan, use)) return own;
  const ValueId value = graph.input(use);
  if (value == kNone || graph.value(value).producer == kNone) return nullptr;
  const Node& node = graph.node(graph.value(value).producer);
  if (!passes_on(node.op) || node.inputs.empty()) return nullptr;
  const Quantizer* first = source_of(graph, plan, {node.id, 0});
  if (node.op != Op::concat || !first) return first;
  for (size_t port = 1; port < node.inputs.size(); ++port) {
    const Quantizer* other = source_of(graph, plan, {node.id, static_cast<int32_t>(port)});
    if (!other || (other != first && (other->group == kNone || other->group != first->group)))
      return nullptr;
  }
  return first;
}

}  // namespace

bool reads_levels(const Graph& graph, const Plan& plan, Use use) {
  return source_of(graph, plan, use) != nullptr;
}

}  // namespace eightbit
