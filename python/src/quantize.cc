#include <eightbit/quantize.h>
#include <nanobind/stl/string.h>

#include "bindings.h"

namespace nb = nanobind;

namespace eightbit::python {

void bind_quantize(nb::module_& module) {
  using release = nb::call_guard<nb::gil_scoped_release>;
  module.def(
      "quantize",
      nb::overload_cast<const Model&, const Dataset&, const QuantizeOptions&, const RunOptions&>(
          &quantize),
      nb::arg("model"), nb::arg("dataset"), nb::arg("options"), nb::arg("run"), release());
  module.def(
      "quantize",
      nb::overload_cast<const Model&, const Statistics&, const QuantizeOptions&, const RunOptions&>(
          &quantize),
      nb::arg("model"), nb::arg("statistics"), nb::arg("options"), nb::arg("run"), release());
  module.def(
      "quantize",
      nb::overload_cast<const Model&, const QuantizationRecipe&, const RunOptions&>(&quantize),
      nb::arg("model"), nb::arg("recipe"), nb::arg("run"), release());
  nb::class_<PlanPreview>(module, "PlanPreview", "What `quantize` would do.")
      .def_ro("text", &PlanPreview::text)
      .def_ro("json", &PlanPreview::json)
      .def_ro("activation_quantizers", &PlanPreview::activation_quantizers)
      .def_ro("weight_quantizers", &PlanPreview::weight_quantizers)
      .def("__str__", [](const PlanPreview& preview) { return preview.text; });
  module.def("plan", &plan, nb::arg("model"), nb::arg("options"), release());
}

}  // namespace eightbit::python
