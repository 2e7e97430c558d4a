// openvino.Model, which belongs to OpenVINO's pybind11 module, as the ov::Model behind it.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <openvino/core/model.hpp>

namespace eightbit::python {

// Shares the model; nothing is copied. Throws Unsupported when the object is none, or of another
// build of OpenVINO.
std::shared_ptr<ov::Model> from_openvino(nanobind::handle model);

}  // namespace eightbit::python
