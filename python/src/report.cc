#include <eightbit/report.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

using release = nb::call_guard<WithoutGil>;

void bind_parts(nb::module_& module) {
  nb::class_<Fix>(module, "Fix", "Something to try, ready to be pasted.")
      .def_ro("text", &Fix::text)
      .def_ro("python", &Fix::python, "A keyword argument of `quantize`.")
      .def_ro("flags", &Fix::flags, "Flags of `eightbit quantize`.");
  nb::class_<InputQuantizer>(module, "InputQuantizer",
                             "A quantizer in front of a layer, and what it met.")
      .def_ro("value", &InputQuantizer::value)
      .def_ro("low", &InputQuantizer::low)
      .def_ro("high", &InputQuantizer::high)
      .def_ro("levels", &InputQuantizer::levels)
      .def_ro("min", &InputQuantizer::min)
      .def_ro("max", &InputQuantizer::max)
      .def_ro("clipped", &InputQuantizer::clipped, "Share of values outside of the range.")
      .def_ro("clipping_error", &InputQuantizer::clipping_error,
              "Relative to the mean square of the value.")
      .def_ro("rounding_error", &InputQuantizer::rounding_error,
              "Relative to the mean square of the value.")
      .def_ro("channel_gain", &InputQuantizer::channel_gain,
              "How many times smaller the rounding error with a range a channel would be.")
      .def_ro("widest_channel", &InputQuantizer::widest_channel)
      .def_ro("channels", &InputQuantizer::channels)
      .def_ro("histogram_low", &InputQuantizer::histogram_low)
      .def_ro("histogram_high", &InputQuantizer::histogram_high)
      .def_ro("shares", &InputQuantizer::shares,
              "Of all values, in bars of one width from histogram_low to histogram_high.");
  nb::class_<FloatCheck>(module, "FloatCheck", "The float model by itself.")
      .def_ro("samples", &FloatCheck::samples)
      .def_ro("problems", &FloatCheck::problems, "Empty where none was found.");
}

void bind_layer(nb::module_& module) {
  nb::class_<LayerReport>(module, "LayerReport", "A layer that is quantized, or could be.")
      .def_ro("name", &LayerReport::name)
      .def_ro("type", &LayerReport::type)
      .def_ro("position", &LayerReport::position, "Among the layers, in the order of the model.")
      .def_ro("quantized", &LayerReport::quantized)
      .def_ro("note", &LayerReport::note)
      .def_ro("alone_db", &LayerReport::alone_db,
              "Signal to noise in dB with this layer alone quantized; None where not measured.")
      .def_ro("weights_alone_db", &LayerReport::weights_alone_db,
              "With its weights alone quantized.")
      .def_ro("accumulated_db", &LayerReport::accumulated_db,
              "With the whole model quantized, as the runtime executes it.")
      .def_ro("bias_shift", &LayerReport::bias_shift,
              "Share of its own noise that is the same for all samples, by channel.")
      .def_prop_ro("cause", [](const LayerReport& layer) { return to_string(layer.cause); })
      .def_ro("why", &LayerReport::why)
      .def_ro("fix", &LayerReport::fix)
      .def_ro("leave_out", &LayerReport::leave_out, "The same layer in floating point.")
      .def_ro("precision", &LayerReport::precision,
              "That the runtime executed; '' where it does not tell.")
      .def_ro("precision_before", &LayerReport::precision_before)
      .def_ro("milliseconds", &LayerReport::milliseconds)
      .def_ro("milliseconds_before", &LayerReport::milliseconds_before)
      .def_ro("executed_in", &LayerReport::executed_in,
              "The layer of the runtime that it was fused into, where that has another name.")
      .def_ro("weight_bytes_before", &LayerReport::weight_bytes_before)
      .def_ro("inputs", &LayerReport::inputs, "Its quantizers of activations.")
      .def("__repr__", [](const LayerReport& layer) {
        return nb::str("LayerReport({!r}, alone_db={}, accumulated_db={}, cause={!r})")
            .format(layer.name, layer.alone_db, layer.accumulated_db, to_string(layer.cause));
      });
}

}  // namespace

void bind_report(nb::module_& module) {
  bind_parts(module);
  bind_layer(module);
  nb::class_<ModelReport>(module, "ModelReport",
                          "Which layers of a quantized model hurt, why, and what to do.")
      .def_ro("samples", &ModelReport::samples, "That layers were measured on.")
      .def_ro("float_check", &ModelReport::float_check)
      .def_ro("outputs", &ModelReport::outputs)
      .def_ro("agreement", &ModelReport::agreement,
              "Share of samples whose largest output is the same; None without one float output.")
      .def_ro("layers", &ModelReport::layers, "Worst first.")
      .def_ro("fixes", &ModelReport::fixes, "For the model as a whole, most promising first.")
      .def_ro("notes", &ModelReport::notes)
      .def_ro("milliseconds", &ModelReport::milliseconds, "All layers of one sample.")
      .def_ro("milliseconds_before", &ModelReport::milliseconds_before)
      .def_ro("bytes", &ModelReport::bytes, "Of stored constants.")
      .def_ro("bytes_before", &ModelReport::bytes_before)
      .def("to_json", &ModelReport::to_json, release())
      .def("to_html", &ModelReport::to_html, release(), "One page that opens offline.")
      .def("save", &ModelReport::save, nb::arg("path"), nb::arg("overwrite") = false, release(),
           "As .html or .json, whole or not at all. Raises FileError, InvalidArgument for another "
           "extension.");
  module.def("report", &report, nb::arg("reference"), nb::arg("quantized"), nb::arg("dataset"),
             nb::arg("subset_size"), nb::arg("run"), release());
}

}  // namespace eightbit::python
