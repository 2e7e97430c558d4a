// Kernel fit: makes of a plan what the runtime's integer kernels can do, where they cannot do all.
//
// Needs:   placement (prepare); ranges (fit).
// Records: through min-max, channel extremes in front of hard swish.
// Does:    prepare: where channels have ranges of their own behind hard swish, they get them in
//          front of it too. fit: these quantizers, and those between a convolution and a depthwise
//          one, get scales that differ by one factor a channel and share a zero point, which layers
//          around them can take over (kernels/hard_swish_blocks.h). The factors are those of least
//          squared error, relative to what each channel holds. Hard swish behind a float layer
//          loses the quantizer that only separates the two.
// Source:  what ONNX Runtime fuses; docs/onnx.md.
#pragma once

#include <eightbit/options.h>

#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/plan.h"

namespace eightbit {

// Where the runtime's kernels for CPUs run the result.
bool is_cpu(TargetDevice target);

// What a plan with these options may count on: recipe nncf, and FP8, for which there are no integer
// kernels, put quantizers where they go for any runtime.
Kernels kernels_for(const Kernels& runtime, const QuantizeOptions& options);

void prepare_for_kernels(const Graph& graph, const Kernels& kernels, Plan& plan);
void fit_to_kernels(const Graph& graph, const Kernels& kernels, Plan& plan);

}  // namespace eightbit
