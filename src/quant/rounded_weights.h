// A plan whose quantized weights are plain constants.
#pragma once

#include "quant/plan.h"

namespace eightbit {

// The same plan with every quantized f32 weight replaced by its rounded values, which spares a
// runtime from computing FakeQuantize on constants, and us from folding them to integers. Other
// float types keep their quantizers.
Plan with_rounded_weights(const Graph& graph, const Plan& plan);

}  // namespace eightbit
