#include <eightbit/pot.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "tensor.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {

void bind_pot(nb::module_& module) {
  nb::class_<pot::Algorithms>(module, "PotAlgorithms",
                              "The algorithms of a POT pipeline in eightbit's terms.")
      .def_ro("name", &pot::Algorithms::name)
      .def_ro("options", &pot::Algorithms::options)
      .def_ro("control", &pot::Algorithms::control)
      .def_ro("stat_subset_size", &pot::Algorithms::stat_subset_size)
      .def_ro("shuffle_data", &pot::Algorithms::shuffle_data)
      .def_ro("seed", &pot::Algorithms::seed)
      .def_ro("skip_model", &pot::Algorithms::skip_model)
      .def_ro("notes", &pot::Algorithms::notes);
  nb::class_<pot::Pictures>(module, "PotPictures", "Pictures of POT's simplified engine.")
      .def("__len__", [](const pot::Pictures& pictures) { return pictures.files.size(); })
      .def(
          "read",
          [](const pot::Pictures& pictures, int64_t index, const Shape& input) {
            Tensor picture;
            {
              WithoutGil released;
              picture = pot::read_picture(pictures, index, input);
            }
            return to_array(picture);
          },
          nb::arg("index"), nb::arg("input"),
          "One of them, u8, for a model's input of that shape (-1: any size).");
  module.def("read_pot_pictures", &pot::read_pictures, nb::arg("engine"),
             "From the section \"engine\" as JSON.");
  module.def("read_pot_algorithms", &pot::read_algorithms, nb::arg("json"), nb::arg("strict"),
             nb::arg("part") = "",
             "From a JSON list of {\"name\", \"params\"}, as create_pipeline takes it.");
}

}  // namespace eightbit::python
