// Decides where quantizers go and of what kind, without looking at data.
//
// In: a graph and options. Out: a plan whose quantizers have no ranges yet.
// The rules are those of the device tables (devices.h), the op table (graph/op_table.h) and the
// patterns (graph/patterns.h); propagation (propagation.h) carries quantizers upwards from the ops
// that want them. Time is linear in the size of the graph.
#pragma once

#include <eightbit/options.h>

#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/plan.h"

namespace eightbit::placement {

// Throws InvalidArgument when a rule of the ignored scope matches nothing (nearest names in the
// text) or when parameters leave no configuration for a node (the node is named).
Plan place(const Graph& graph, const QuantizeOptions& options, const Kernels& kernels = {});

}  // namespace eightbit::placement
