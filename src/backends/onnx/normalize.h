// Spellings that mean the same, brought to one: what is written differs from what was read by this
// and the plan alone.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// - initializers that are listed among the inputs are constants;
// - nodes that only hand on their input go: Identity, Dropout, Cast to the same type, Pad by
//   nothing, and the like;
// - Einsum of a weight is a product of matrices (einsum.h);
// - batch normalization and products and sums by channel become part of the convolution in front
//   or Gemm, and so do the factors of Gemm itself (fold_layers.h);
// - padding by zero becomes part of the convolution behind (fold_paddings.h);
// - what no output needs goes.
void normalize(Content& content);

}  // namespace eightbit::onnx
