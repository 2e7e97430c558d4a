// What the model side asks of the engine that runs ONNX models.
#pragma once

#include <eightbit/tensor.h>

#include <vector>

#include "backends/onnx/proto/proto.h"
#include "backends/onnx/proto/types.h"

namespace eightbit::onnx {

// Types of the tensors of the main graph, as the engine infers them without running anything.
// Tensors that it says nothing about are missing.
TensorTypes infer_types(const Content& content);

// The outputs of a model that has no inputs, in order. Throws ModelError with the engine's reason.
std::vector<Tensor> evaluate(const Content& content);

}  // namespace eightbit::onnx
