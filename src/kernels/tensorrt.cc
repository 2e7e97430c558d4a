// TensorRT's: "Working with Quantized Types" of its documentation, explicit quantization. It takes
// int8 with a zero point of 0 only.
#include "kernels/runtime.h"

namespace eightbit {
namespace {

std::optional<std::string_view> computes_in_floats(const PlannedGraph&, size_t, const Node&) {
  return "takes symmetric int8 only, and activations are written as uint8, for ONNX Runtime";
}

}  // namespace

const Runtime kTensorRt{"tensorrt", &computes_in_floats};

}  // namespace eightbit
