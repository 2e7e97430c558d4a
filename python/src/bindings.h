// The extension module eightbit._eightbit: one bind function for each public header, called in this
// order.
#pragma once

#include <nanobind/nanobind.h>

#include "named_enum.h"

namespace eightbit::python {

void bind_error(nanobind::module_& module);
void bind_log(nanobind::module_& module);
void bind_tensor(nanobind::module_& module);
void bind_options(nanobind::module_& module);
void bind_dataset(nanobind::module_& module);
void bind_model(nanobind::module_& module);
void bind_external(nanobind::module_& module);
void bind_recipe(nanobind::module_& module);
void bind_run(nanobind::module_& module);
void bind_statistics(nanobind::module_& module);
void bind_observer(nanobind::module_& module);
void bind_quantize(nanobind::module_& module);
void bind_compare(nanobind::module_& module);
void bind_accuracy_control(nanobind::module_& module);
void bind_report(nanobind::module_& module);
void bind_pot(nanobind::module_& module);

}  // namespace eightbit::python
