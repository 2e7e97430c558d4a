#include "kernels/kernel_faults.h"

#include <algorithm>

#include "graph/roles.h"

namespace eightbit {
namespace {

bool reaches_faulty_layer(const Graph& graph, const KernelFaults& faults, const Use& use) {
  const Node& node = graph.node(use.node);
  if (faults.of_zero_point(graph, node)) return true;
  if (!passes_on(node.op)) return false;
  return std::ranges::any_of(node.outputs, [&](ValueId output) {
    return std::ranges::any_of(graph.value(output).uses, [&](const Use& next) {
      return reaches_faulty_layer(graph, faults, next);
    });
  });
}

}  // namespace

void leave_zero_points_out(const Graph& graph, const Kernels& kernels, Plan& plan) {
  if (kernels.faults == nullptr) return;
  for (Quantizer& q : plan.quantizers)
    if (!q.weight && std::ranges::any_of(q.uses, [&](const Use& use) {
          return reaches_faulty_layer(graph, *kernels.faults, use);
        }))
      q.spec.mode = QuantizationScheme::symmetric;
}

}  // namespace eightbit
