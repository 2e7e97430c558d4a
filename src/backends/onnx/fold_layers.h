// Batch normalization, and products and sums by channel, behind a convolution or Gemm: they become
// part of it. So do alpha and beta of Gemm.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Only where the layer's weights are stored f32 constants and nobody else reads what lies
// between. The nodes must be in order.
void fold_layers(Content& content);

}  // namespace eightbit::onnx
