// What the model side asks of the engine that runs ONNX models.
#pragma once

#include <eightbit/model.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "backends/onnx/proto.h"

namespace eightbit::onnx {

// Element type and shape of a tensor as far as they are known.
struct TensorType {
  DType dtype = DType::undefined;
  Shape shape;
  bool rank_known = false;
};
using TensorTypes = std::unordered_map<std::string, TensorType>;

// Types of the tensors of the main graph, as the engine infers them without running anything.
// Tensors that it says nothing about are missing.
TensorTypes infer_types(const Content& content);

// The outputs of a model that has no inputs, in order. Throws ModelError with the engine's reason.
std::vector<Tensor> evaluate(const Content& content);

}  // namespace eightbit::onnx
