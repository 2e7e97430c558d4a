#include <eightbit/model.h>
#include <eightbit/onnx.h>
#include <eightbit/openvino.h>
#include <eightbit/options.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "openvino_model.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

Model wrap_model(nb::handle model) {
  const ov::Model& original = from_openvino(model);
  WithoutGil release;
  return openvino::wrap(original);
}

void write_into(const Model& model, nb::handle shell) {
  ov::Model& target = from_openvino(shell);
  WithoutGil release;
  openvino::unwrap_into(model, target);
}

Model read_model(const std::filesystem::path& path, const std::string& engine) {
  const Engine chosen = parse<Engine>(engine);
  WithoutGil release;
  return Model::read(path, chosen);
}

Model wrap_onnx(nb::bytes model, const std::string& folder) {
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(model.data()), model.size());
  WithoutGil release;
  return onnx::wrap(bytes, folder);
}

nb::bytes unwrap_onnx(const Model& model) {
  std::string bytes;
  {
    WithoutGil release;
    bytes = onnx::unwrap(model);
  }
  return nb::bytes(bytes.data(), bytes.size());
}

}  // namespace

void bind_model(nb::module_& module) {
  module.def("look_for_openvino_in", &openvino::look_in, nb::arg("folder"),
             "Where OpenVINO's libraries are looked for first.");
  nb::class_<PortInfo>(module, "PortInfo", "An input or output of a model.")
      .def(
          "__init__",
          [](PortInfo* self, std::string name, DType dtype, Shape shape) {
            new (self) PortInfo{std::move(name), dtype, std::move(shape)};
          },
          nb::arg("name"), nb::arg("dtype"), nb::arg("shape"))
      .def_ro("name", &PortInfo::name)
      .def_ro("dtype", &PortInfo::dtype)
      .def_ro("shape", &PortInfo::shape,
              "-1 for a dynamic dimension; [] also for an unknown rank.");
  nb::class_<Model>(module, "Model", "A handle to a model that never changes.")
      .def_static("read", &read_model, nb::arg("path"), nb::arg("engine") = "auto")
      .def_static("from_onnx", &wrap_onnx, nb::arg("model"), nb::arg("folder") = "",
                  "From a serialized ModelProto; external data is looked for in `folder`.")
      .def("to_onnx", &unwrap_onnx, "A serialized ModelProto.")
      .def_prop_ro("is_onnx", &onnx::is_onnx)
      .def_static("from_openvino", &wrap_model, nb::arg("model"))
      .def("write_into", &write_into, nb::arg("shell"),
           "Replaces the contents of an openvino.Model that nobody else uses.")
      .def("save", &Model::save, nb::arg("path"), nb::arg("overwrite") = false,
           nb::call_guard<WithoutGil>())
      .def("inputs", &Model::inputs, nb::call_guard<WithoutGil>())
      .def("outputs", &Model::outputs, nb::call_guard<WithoutGil>());
}

}  // namespace eightbit::python
