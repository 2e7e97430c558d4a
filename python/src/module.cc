#include <eightbit/eightbit.h>
#include <nanobind/stl/string_view.h>

#include "bindings.h"

NB_MODULE(_eightbit, module) {
  using namespace eightbit::python;
  module.doc() =
      "The C++ library behind the package eightbit. Use the names of `eightbit`, not of this "
      "module.";
  // Objects in globals at exit are no leaks; nanobind's list of them would alarm users.
  nanobind::set_leak_warnings(false);
  bind_error(module);
  bind_log(module);
  bind_tensor(module);
  bind_options(module);
  bind_dataset(module);
  bind_model(module);
  bind_external(module);
  bind_recipe(module);
  bind_run(module);
  bind_statistics(module);
  bind_observer(module);
  bind_quantize(module);
  bind_compare(module);
  bind_accuracy_control(module);
  bind_report(module);
  bind_pot(module);
  module.def("version", &eightbit::version, "The version of the C++ library.");
}
