// Spellings that mean the same, brought to one: what is written differs from what was read by this and the plan alone.
#pragma once

#include "backends/onnx/proto.h"

namespace eightbit::onnx {

// - initializers that are listed among the inputs are constants;
// - calls of the model's own functions are replaced by the functions' nodes (the functions stay in the model);
// - nodes that only hand on their input go: Identity, Dropout, Cast to the same type, Pad by nothing, and the like;
// - batch normalization and products and sums by channel become part of the convolution in front (fold_layers.h);
// - what no output needs goes.
void normalize(Content& content);

}  // namespace eightbit::onnx
