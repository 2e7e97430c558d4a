// openvino.Model, which belongs to OpenVINO's pybind11 module, as the ov::Model behind it.
#pragma once

#include <nanobind/nanobind.h>

namespace ov {
class Model;
}

namespace eightbit::python {

// What the object holds, for as long as it lives. Throws Unsupported when it is none, or of another
// build of OpenVINO than the one that is used.
ov::Model& from_openvino(nanobind::handle model);

}  // namespace eightbit::python
