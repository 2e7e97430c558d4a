// OpenVINO models in memory: into eightbit and out again.
//
//   auto model = eightbit::openvino::wrap(core.read_model("model.xml"));
//   auto quantized = eightbit::openvino::unwrap(eightbit::quantize(model, dataset));
#pragma once

#include <eightbit/model.h>

#include <memory>

namespace ov {
class Model;
}

namespace eightbit::openvino {

// A Model with the present contents of `model`: later changes to `model` do not reach it. Weights
// are shared, not copied. Throws InvalidArgument when `model` is empty.
Model wrap(const std::shared_ptr<ov::Model>& model);

// A copy that is the caller's to change; weights are shared. Throws Unsupported when `model` is not
// an OpenVINO model.
std::shared_ptr<ov::Model> unwrap(const Model& model);

// Makes `target` the same as unwrap(model), whatever it held before. For callers that own the
// object, such as a Python openvino.Model.
void unwrap_into(const Model& model, ov::Model& target);

}  // namespace eightbit::openvino
