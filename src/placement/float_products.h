// Products of two activations, such as the gates of squeeze-and-excitation blocks, compute in floats whatever their
// inputs hold. A quantizer that they alone read makes nothing faster and rounds what the next layer rounds again.
#pragma once

#include "graph/graph.h"
#include "quant/plan.h"

namespace eightbit::placement {

// Takes out the quantizers of activations that only multiplications and divisions read, and means beside them. For
// runtimes whose convolutions need no quantizer behind them (quant/kernels.h).
void leave_products_in_float(const Graph& graph, Plan& plan);

}  // namespace eightbit::placement
