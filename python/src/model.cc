#include <eightbit/model.h>
#include <eightbit/openvino.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "openvino_model.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

Model wrap_model(nb::handle model) {
  std::shared_ptr<ov::Model> original = from_openvino(model);
  nb::gil_scoped_release release;
  return openvino::wrap(original);
}

void write_into(const Model& model, nb::handle shell) {
  std::shared_ptr<ov::Model> target = from_openvino(shell);
  nb::gil_scoped_release release;
  openvino::unwrap_into(model, *target);
}

}  // namespace

void bind_model(nb::module_& module) {
  nb::class_<PortInfo>(module, "PortInfo", "An input or output of a model.")
      .def_ro("name", &PortInfo::name)
      .def_ro("dtype", &PortInfo::dtype)
      .def_ro("shape", &PortInfo::shape,
              "-1 for a dynamic dimension; [] also for an unknown rank.");
  nb::class_<Model>(module, "Model", "A handle to a model that never changes.")
      .def_static("read", &Model::read, nb::arg("path"), nb::call_guard<nb::gil_scoped_release>())
      .def_static("from_openvino", &wrap_model, nb::arg("model"))
      .def("write_into", &write_into, nb::arg("shell"),
           "Replaces the contents of an openvino.Model that nobody else uses.")
      .def("save", &Model::save, nb::arg("path"), nb::arg("overwrite") = false,
           nb::call_guard<nb::gil_scoped_release>())
      .def("inputs", &Model::inputs, nb::call_guard<nb::gil_scoped_release>())
      .def("outputs", &Model::outputs, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace eightbit::python
