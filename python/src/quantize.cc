#include <eightbit/quantize.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {

void bind_quantize(nb::module_& module) {
  using release = nb::call_guard<WithoutGil>;
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
  nb::class_<TuneTrial>(module, "TuneTrial", "Options that were tried.")
      .def_ro("what", &TuneTrial::what)
      .def_ro("sqnr_db", &TuneTrial::sqnr_db,
              "Of the outputs, on samples that no correction has seen.")
      .def_ro("seconds", &TuneTrial::seconds)
      .def("__repr__", [](const TuneTrial& trial) {
        return nb::str("TuneTrial(what={!r}, sqnr_db={:.2f})")
            .attr("format")(trial.what, trial.sqnr_db);
      });
  nb::class_<TuneResult>(module, "TuneResult", "What `tune` has found.")
      .def(nb::init<>())
      .def(
          "assign", [](TuneResult& self, const TuneResult& other) { self = other; },
          nb::arg("other"))
      .def_ro("native_model", &TuneResult::model)
      .def_ro("options", &TuneResult::options,
              "Those of the model; `options.to_json()` prints them.")
      .def_ro("trials", &TuneResult::trials);
  const auto tune_on = [](auto type) {
    using Data = decltype(type);
    return static_cast<TuneResult (*)(const Model&, const Data&, const QuantizeOptions&,
                                      const RunOptions&)>(&tune);
  };
  module.def("tune", tune_on(Dataset()), nb::arg("model"), nb::arg("dataset"), nb::arg("options"),
             nb::arg("run"), release());
  module.def("tune", tune_on(Statistics()), nb::arg("model"), nb::arg("statistics"),
             nb::arg("options"), nb::arg("run"), release());
  module.def(
      "work_out",
      [](const Model& model, const nb::bytes& context, const std::string& task, int threads) {
        const std::string text(context.c_str(), context.size());
        const WithoutGil released;
        return work_out(model, text, task, threads);
      },
      nb::arg("model"), nb::arg("context"), nb::arg("task"), nb::arg("threads") = 0,
      "Works out a task that `RunOptions.spread` was given, with the same model.");
  nb::class_<UnfusedPair>(
      module, "UnfusedPair",
      "A quantizer and an op that reads it, which `runtime` computes in floats.")
      .def_ro("quantizer", &UnfusedPair::quantizer, "Name of the value.")
      .def_ro("node", &UnfusedPair::node)
      .def_ro("type", &UnfusedPair::type)
      .def_ro("runtime", &UnfusedPair::runtime, "`onnxruntime`, `openvino` or `tensorrt`.")
      .def_ro("reason", &UnfusedPair::reason);
  nb::class_<PlannedUse>(module, "PlannedUse", "Input `port` of a node.")
      .def_ro("node", &PlannedUse::node, "Its number.")
      .def_ro("port", &PlannedUse::port)
      .def_ro("name", &PlannedUse::name, "Of the node.");
  nb::class_<PlannedQuantizer>(module, "PlannedQuantizer", "A quantizer without its range.")
      .def_ro("value", &PlannedQuantizer::value, "Its number.")
      .def_ro("name", &PlannedQuantizer::name, "Of the value.")
      .def_ro("uses", &PlannedQuantizer::uses)
      .def_ro("weight", &PlannedQuantizer::weight, "Whether the value is a constant.")
      .def_ro("bits", &PlannedQuantizer::bits)
      .def_ro("symmetric", &PlannedQuantizer::symmetric)
      .def_ro("narrow_range", &PlannedQuantizer::narrow_range)
      .def_ro("is_signed", &PlannedQuantizer::is_signed,
              "Symmetric activations: None where the data decide.")
      .def_ro("channel_axes", &PlannedQuantizer::channel_axes,
              "Of the value; empty: one range for all.")
      .def_ro("group", &PlannedQuantizer::group,
              "Members of a group share one range; -1: of none.");
  nb::class_<PlanPreview>(module, "PlanPreview", "What `quantize` would do.")
      .def_ro("text", &PlanPreview::text)
      .def_ro("json", &PlanPreview::json)
      .def_ro("quantizers", &PlanPreview::quantizers)
      .def_ro("unfused", &PlanPreview::unfused,
              "Pairs of quantizer and op that a runtime does not compute in integers.")
      .def_ro("activation_quantizers", &PlanPreview::activation_quantizers)
      .def_ro("weight_quantizers", &PlanPreview::weight_quantizers)
      .def_ro("expected", &PlanPreview::expected,
              "What `quantize` is expected to take, as far as that can be told.")
      .def("__str__", [](const PlanPreview& preview) { return preview.text; });
  module.def("plan", nb::overload_cast<const Model&, const QuantizeOptions&>(&plan),
             nb::arg("model"), nb::arg("options"), release());
  module.def(
      "plan",
      nb::overload_cast<const Model&, const Dataset&, const QuantizeOptions&, const RunOptions&>(
          &plan),
      nb::arg("model"), nb::arg("dataset"), nb::arg("options"), nb::arg("run"), release());
}

}  // namespace eightbit::python
