// Carries out a plan on a copy of a model.
#pragma once

#include "backends/onnx/proto/copy.h"
#include "backends/onnx/reader.h"
#include "quant/plan.h"

namespace eightbit::onnx {

enum class Layout {
  plain,  // quantizers stand where the plan has them
  // hard swish blocks (kernels/hard_swish_blocks.h) are written so that ONNX Runtime computes them
  // in integers
  kernels
};

// In this order: constant replacements, scales, bias shifts, quantizers, biases in integers. Lifts
// the version of the standard operators where the plan needs it (opset.h). `reading` is that of the
// model that `copy` was made from. Throws InternalError when the plan does not fit the graph,
// Unsupported for what ONNX cannot express.
void apply_plan(Copy& copy, const Reading& reading, const Plan& plan, Layout layout);

}  // namespace eightbit::onnx
