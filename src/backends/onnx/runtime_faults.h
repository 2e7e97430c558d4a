// What OpenVINO gets wrong in quantized ONNX models, which it reads too. docs/runtime_faults.md has
// the versions, the conditions and the smallest examples.
#pragma once

#include "backends/onnx/reader.h"
#include "quant/plan.h"

namespace eightbit::onnx {

// Whether a product behind this quantizer would be joined with one in front of it to a kernel that
// yields garbage. A Reshape on either side of the quantizer, to one more axis and back, prevents
// it.
bool stands_in_a_broken_chain(const Reading& reading, const GraphProto& model, const Plan& plan,
                              const Quantizer& quantizer);

}  // namespace eightbit::onnx
