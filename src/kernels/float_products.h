// Products of two activations, such as the gates of squeeze-and-excitation blocks, compute in
// floats whatever their inputs hold. A quantizer that they alone read makes nothing faster and
// rounds what the next layer rounds again.
#pragma once

#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/plan.h"

namespace eightbit {

// Takes out the quantizers of activations that only multiplications and divisions read, and means
// beside them, where the layer in front computes in integers all the same: it needs no quantizer
// behind it, or has one in front of its hard swish.
void leave_products_in_float(const Graph& graph, const Kernels& kernels, Plan& plan);

}  // namespace eightbit
