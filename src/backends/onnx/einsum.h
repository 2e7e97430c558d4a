// Einsum of an activation and a weight, spelled as ONNX Runtime computes in integers: a MatMul
// between Reshapes.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Replaces every Einsum of the main graph with a stored f32 weight that is such a product
// (graph/einsum.h), and moves the bias behind it in front of what takes the columns apart. The
// MatMul has the name of the Einsum. What the model computes stays the same. An equation with an
// ellipsis is left where axes would have to be counted.
void make_products_of_einsums(Content& content);

}  // namespace eightbit::onnx
