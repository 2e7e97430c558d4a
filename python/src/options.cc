#include <eightbit/option_fields.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

template <typename T>
constexpr bool kMayBeUnset = false;
template <typename T>
constexpr bool kMayBeUnset<std::optional<T>> = true;

// Every field of a struct under its own name.
template <typename Struct>
nb::class_<Struct> bind(nb::module_& module, const char* name) {
  nb::class_<Struct> bound(module, name);
  bound.def(nb::init<>());
  each_field(Of<Struct>(), [&]<typename T>(const char* field, T Struct::* member) {
    if constexpr (kMayBeUnset<T>)
      bound.def_rw(field, member, nb::arg().none());
    else
      bound.def_rw(field, member);
  });
  return bound;
}

}  // namespace

// Structs have the names that NNCF's users know.
void bind_options(nb::module_& module) {
  bind<Subgraph>(module, "Subgraph");
  bind<IgnoredScope>(module, "IgnoredScope");
  bind<QuantizationParameters>(module, "QuantizationParameters");
  bind<FP8QuantizationParameters>(module, "FP8QuantizationParameters");
  bind<StatisticsCollectorParameters>(module, "StatisticsCollectorParameters");
  bind<RangeEstimatorParameters>(module, "RangeEstimatorParameters");
  bind<AdvancedBiasCorrectionParameters>(module, "AdvancedBiasCorrectionParameters");
  bind<AdvancedSmoothQuantParameters>(module, "AdvancedSmoothQuantParameters");
  bind<AdvancedParameters>(module, "AdvancedQuantizationParameters");
  bind<QuantizeOptions>(module, "QuantizeOptions")
      .def("to_json", [](const QuantizeOptions& options) { return to_json(options); })
      .def_static(
          "from_json", [](const std::string& json) { return options_from_json(json); },
          nb::arg("json"))
      .def("validate", [](const QuantizeOptions& options) { validate(options); });
}

}  // namespace eightbit::python
