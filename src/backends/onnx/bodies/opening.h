// From a model as it stands in a file to one whose bodies are open.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Opens every If, Loop and Scan (bodies.h). Tensors of bodies get names of their own. A node stays
// closed where it is not as the standard has it, or where Identity cannot hand on what the model
// holds (sequences, in old versions of the operators). Weights are not set aside yet.
void open_bodies(Content& content);

}  // namespace eightbit::onnx
