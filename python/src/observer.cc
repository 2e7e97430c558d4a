#include <eightbit/observer.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "python_source.h"
#include "tensor.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

// Arrays with bytes of their own, which the caller may keep and change.
nb::list observed(Observer& observer, nb::object inputs, bool reset_state) {
  Sample sample = to_sample(std::move(inputs), observer.calls());
  if (reset_state) sample.reset_state = true;
  std::vector<Tensor> outputs;
  {
    WithoutGil released;
    outputs = observer(sample);
  }
  nb::list arrays;
  for (const Tensor& output : outputs) arrays.append(to_array(output));
  return arrays;
}

}  // namespace

void bind_observer(nb::module_& module) {
  using release = nb::call_guard<WithoutGil>;
  nb::class_<Observer>(module, "Observer")
      .def(nb::init<const Model&, const CalibrateOptions&, const RunOptions&>(), nb::arg("model"),
           nb::arg("options"), nb::arg("run"), release())
      .def("run", &observed, nb::arg("inputs"), nb::arg("reset_state"))
      .def("reset_state", &Observer::reset_state, release())
      .def("statistics", &Observer::statistics, release())
      .def_prop_ro("calls", &Observer::calls)
      .def_prop_ro("samples", &Observer::samples);
}

}  // namespace eightbit::python
