// Layers that a runtime's integer kernels compute wrongly on CPUs (docs/runtime_faults.md).
#pragma once

#include <optional>
#include <string_view>

#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/plan.h"

namespace eightbit {

struct KernelFaults {
  // Why the layer must stay in float; nothing where it need not.
  std::optional<std::string_view> (*of_layer)(const Graph& graph, const Node& node);
  // Whether the layer is computed rightly only where its input has no zero point.
  bool (*of_zero_point)(const Graph& graph, const Node& node);
};

extern const KernelFaults kOpenVinoFaults;

// Makes quantizers symmetric where a layer that they reach, also by way of ops that hand values on,
// takes no zero point.
void leave_zero_points_out(const Graph& graph, const Kernels& kernels, Plan& plan);

}  // namespace eightbit
