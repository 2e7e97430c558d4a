// Batch normalization, and products and sums by channel, behind a convolution: they become part of
// it.
#pragma once

#include "backends/onnx/proto.h"

namespace eightbit::onnx {

// Only where the convolution's weights are stored f32 constants and nobody else reads what lies
// between. The nodes must be in order.
void fold_layers(Content& content);

}  // namespace eightbit::onnx
