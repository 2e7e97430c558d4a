#include <eightbit/recipe.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "bindings.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {

void bind_recipe(nb::module_& module) {
  using release = nb::call_guard<WithoutGil>;
  nb::class_<QuantizationRecipe>(
      module, "QuantizationRecipe",
      "What a run decided: enough to make the same model again without data. Taken from\n"
      "`Report.recipe` after `quantize`, or read with `load`.")
      .def_static("load", &QuantizationRecipe::load, nb::arg("path"), release(),
                  "Raises FileError when the file cannot be read, InvalidArgument when it is no "
                  "recipe, is\n"
                  "damaged, or was written by a newer version.")
      .def_static("from_json", &QuantizationRecipe::from_json, nb::arg("json"), release())
      .def("save", &QuantizationRecipe::save, nb::arg("path"), nb::arg("overwrite") = false,
           release(),
           "Writes the whole file or nothing. Raises FileError, also for an existing file unless "
           "`overwrite`.")
      .def("to_json", &QuantizationRecipe::to_json, release(),
           "JSON with a line for each decision.")
      .def_prop_ro("model_fingerprint", &QuantizationRecipe::model_fingerprint,
                   "Of the float model it belongs to.");
}

}  // namespace eightbit::python
