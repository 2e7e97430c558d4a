// What OpenVINO's compiler gets wrong in quantized models, and the same computation in a form that
// it gets right. docs/runtime_faults.md has the versions, the conditions and the smallest examples.
#pragma once

#include <openvino/core/model.hpp>

namespace eightbit::openvino {

// Rewrites the model where a fault is known. What is computed stays the same.
void avoid_runtime_faults(ov::Model& model);

}  // namespace eightbit::openvino
