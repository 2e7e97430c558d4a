// What nothing reads.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Removes nodes, initializers and weights of the main graph that no output needs. The nodes must be
// in order.
void prune(Content& content);

}  // namespace eightbit::onnx
