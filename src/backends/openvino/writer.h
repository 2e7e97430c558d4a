// Carries out a plan on a copy of a model.
#pragma once

#include "backends/openvino/copy.h"
#include "quant/plan.h"

namespace eightbit::openvino {

// In this order: constant replacements, scales, bias shifts, quantizers. `graph` is the one that
// `copy` is indexed by. Throws InternalError when the plan does not fit the graph, Unsupported when
// a rank that is needed is not known.
void apply_plan(Copy& copy, const Graph& graph, const Plan& plan);

// New nodes without a name are called after the input that reads them. OpenVINO's own names count
// all nodes that the process has made, and the same plan must give the same file.
void name_new_nodes(const ov::Model& model);

}  // namespace eightbit::openvino
