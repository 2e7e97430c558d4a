// Calls of a model's own functions.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Replaces every call, in bodies too, by the nodes of the function. Functions of another version of
// the standard operators stay calls. Throws ModelError when functions call themselves.
void inline_functions(ModelProto& model);

}  // namespace eightbit::onnx
