// From a model whose bodies are open to one as it stands in a file.
#pragma once

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// The way back from open_bodies(): nodes and initializers that one body alone needs stand in it.
Content with_closed_bodies(Content content);

}  // namespace eightbit::onnx
