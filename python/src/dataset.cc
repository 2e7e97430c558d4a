#include <eightbit/dataset.h>
#include <eightbit/texts.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "python_source.h"
#include "tensor.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

nb::list inputs_of(const Sample& sample) {
  nb::list inputs;
  for (const NamedTensor& input : sample.inputs)
    inputs.append(nb::make_tuple(input.name, to_array(input.tensor)));
  return inputs;
}

Sample next_of(SampleSource& source) {
  std::optional<Sample> sample;
  {
    WithoutGil release;
    sample = source.next();
  }
  if (!sample) throw nb::stop_iteration();
  return *std::move(sample);
}

nb::dict names_of_token_inputs() {
  nb::dict names;
  for (const TokenRow& row : token_rows()) names[nb::cast(row.kind)] = nb::cast(row.input_names);
  return names;
}

void bind_file_options(nb::module_& module) {
  nb::class_<FileDatasetOptions>(module, "FileDatasetOptions")
      .def(nb::init<>())
      .def_rw("mean", &FileDatasetOptions::mean)
      .def_rw("scale", &FileDatasetOptions::scale)
      .def_rw("resize", &FileDatasetOptions::resize)
      .def_rw("layout", &FileDatasetOptions::layout)
      .def_rw("color", &FileDatasetOptions::color)
      .def_rw("sample_rate", &FileDatasetOptions::sample_rate)
      .def_rw("channel", &FileDatasetOptions::channel, nb::arg().none())
      .def_rw("length", &FileDatasetOptions::length)
      .def_rw("shape", &FileDatasetOptions::shape)
      .def_rw("dtype", &FileDatasetOptions::dtype)
      .def_rw("input", &FileDatasetOptions::input)
      .def_rw("model_input_shapes", &FileDatasetOptions::model_input_shapes);
}

}  // namespace

void bind_dataset(nb::module_& module) {
  nb::class_<Sample>(module, "Sample", "What is fed to the model at once.")
      .def(
          "__init__",
          [](Sample* self, nb::object item) { new (self) Sample(to_sample(std::move(item), 0)); },
          nb::arg("item"))
      .def_prop_ro("inputs", &inputs_of, "Pairs of name (empty: by position) and array.")
      .def_prop_ro("reset_state", [](const Sample& sample) { return sample.reset_state; });
  nb::class_<SampleSource>(module, "SampleSource", "One reading of a dataset, front to back.")
      .def("__iter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__next__", &next_of)
      .def("size", &SampleSource::size,
           "The number of samples, where it is known without reading.");
  nb::class_<Dataset>(module, "Dataset", "A description of data.")
      .def(nb::init<>(), "No data: what asks for some goes without.")
      .def_static("from_python", &from_python, nb::arg("iterate"), nb::arg("size") = nb::none(),
                  nb::arg("fingerprint") = "")
      .def("open", &Dataset::open, nb::call_guard<WithoutGil>());
  bind_file_options(module);
  module.def("open_files", &open_files, nb::arg("source"), nb::arg("options"),
             nb::call_guard<WithoutGil>());
  module.def("token_inputs", &names_of_token_inputs,
             "What texts give to a model: names of inputs that take it.");
}

}  // namespace eightbit::python
