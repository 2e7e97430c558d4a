#include <eightbit/compare.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

using release = nb::call_guard<WithoutGil>;

void bind_comparison(nb::module_& module) {
  nb::class_<LayerDifference>(module, "LayerDifference",
                              "How far one layer or output is from its float original.")
      .def_ro("name", &LayerDifference::name)
      .def_ro("type", &LayerDifference::type)
      .def_ro("sqnr_db", &LayerDifference::sqnr_db,
              "Signal to quantization noise, in dB; inf when equal.")
      .def_ro("cosine", &LayerDifference::cosine)
      .def_ro(
          "alone_db", &LayerDifference::alone_db,
          "The same with this layer alone quantized, measured on some samples; None for outputs,\n"
          "layers in branches, and layers that read nothing quantized.")
      .def_ro("measured_db", &LayerDifference::measured_db,
              "Of an output: what the program that measures the layers says of it; `sqnr_db` is "
              "what users of the models\n"
              "get. A difference is the runtime's.")
      .def("__repr__", [](const LayerDifference& layer) {
        return nb::str("LayerDifference({!r}, {!r}, sqnr_db={:.2f}, cosine={:.6f})")
            .format(layer.name, layer.type, layer.sqnr_db, layer.cosine);
      });
  nb::class_<CompareResult>(module, "CompareResult", "The differences between two models.")
      .def_ro("samples", &CompareResult::samples)
      .def_ro("outputs", &CompareResult::outputs, "One for each output, in the model's order.")
      .def_ro("layers", &CompareResult::layers,
              "Layers with the same name in both models, worst first.")
      .def_ro("unseen", &CompareResult::unseen,
              "Layers that gave nothing but zeros: in a branch that no sample took, or dead.")
      .def("to_json", &CompareResult::to_json);
  module.def("compare", &compare, nb::arg("reference"), nb::arg("quantized"), nb::arg("dataset"),
             nb::arg("subset_size"), nb::arg("run"), release());
}

void bind_inspection(nb::module_& module) {
  nb::class_<LayerInfo>(module, "LayerInfo", "A layer as the runtime executed it.")
      .def_ro("name", &LayerInfo::name)
      .def_ro("type", &LayerInfo::type)
      .def_ro("precision", &LayerInfo::precision,
              "That the runtime really executed, for example i8, u8 or f32.")
      .def_ro("milliseconds", &LayerInfo::milliseconds, "For one sample.");
  nb::class_<Inspection>(module, "Inspection", "What a model consists of.")
      .def_ro("op_counts", &Inspection::op_counts,
              "Pairs of op type and number, most frequent first.")
      .def_ro("quantizers", &Inspection::quantizers, "Quantizers on activations.")
      .def_ro("quantized_weights", &Inspection::quantized_weights)
      .def_ro("weight_bytes", &Inspection::weight_bytes, "Pairs of stored element type and bytes.")
      .def_ro("layers", &Inspection::layers, "Executed layers; empty without a sample.")
      .def_ro("unfused", &Inspection::unfused,
              "Ops that read quantized values and ran in floats all the same.")
      .def("to_json", &Inspection::to_json);
  module.def("inspect", &inspect, nb::arg("model"), nb::arg("sample").none() = nb::none(),
             release());
}

std::vector<BenchmarkRow> run_benchmark(const std::vector<Model>& models,
                                        const std::optional<Sample>& sample, double seconds,
                                        int rounds, const RunOptions& run) {
  return benchmark(models, sample, {seconds, rounds}, run);
}

void bind_benchmark(nb::module_& module) {
  nb::class_<BenchmarkRow>(module, "BenchmarkRow", "How fast a model is.")
      .def_ro("latency_ms", &BenchmarkRow::latency_ms, "Median, one sample at a time.")
      .def_ro("latency_p90_ms", &BenchmarkRow::latency_p90_ms)
      .def_ro("throughput", &BenchmarkRow::throughput,
              "Samples a second with all streams busy; median over rounds.")
      .def("__repr__", [](const BenchmarkRow& row) {
        return nb::str("BenchmarkRow(latency_ms={:.3f}, latency_p90_ms={:.3f}, throughput={:.1f})")
            .format(row.latency_ms, row.latency_p90_ms, row.throughput);
      });
  module.def("benchmark", &run_benchmark, nb::arg("models"), nb::arg("sample").none(),
             nb::arg("seconds"), nb::arg("rounds"), nb::arg("run"), release());
}

}  // namespace

void bind_compare(nb::module_& module) {
  bind_comparison(module);
  bind_inspection(module);
  bind_benchmark(module);
}

}  // namespace eightbit::python
