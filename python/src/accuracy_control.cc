#include <eightbit/accuracy_control.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "python_error.h"
#include "tensor.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

std::vector<Tensor> tensors_of(nb::handle outputs) {
  std::vector<Tensor> tensors;
  for (nb::handle output : outputs)
    tensors.push_back(to_tensor(output, false, "an output in the validation"));
  return tensors;
}

// From (metric, values of items or None, outputs of items or None), as
// eightbit/quantization/accuracy_control.py makes it.
Evaluation to_evaluation(nb::handle returned) {
  Evaluation evaluation;
  evaluation.metric = nb::cast<double>(returned[0]);
  if (!returned[1].is_none()) evaluation.per_item = nb::cast<std::vector<double>>(returned[1]);
  if (!returned[2].is_none())
    for (nb::handle outputs : nb::object(returned[2]))
      evaluation.outputs.push_back(tensors_of(outputs));
  return evaluation;
}

// What the function raises ends the run and reaches the caller as it is.
ValidationFunction validation_function(nb::object function) {
  return [function = share(std::move(function))](const Model& model) {
    nb::gil_scoped_acquire gil;
    try {
      return to_evaluation((*function)(model));
    } catch (nb::python_error& error) {
      throw PythonInterrupted(nb::borrow(error.value()));
    }
  };
}

// The same for several models.
ValidationWorkers validation_workers(nb::object function, int count) {
  return {count, [function = share(std::move(function))](const std::vector<Model>& models) {
            nb::gil_scoped_acquire gil;
            try {
              std::vector<Evaluation> evaluations;
              for (nb::handle returned : (*function)(models))
                evaluations.push_back(to_evaluation(returned));
              return evaluations;
            } catch (nb::python_error& error) {
              throw PythonInterrupted(nb::borrow(error.value()));
            }
          }};
}

template <typename Calibration>
AccuracyResult control_accuracy(const Model& model, const Calibration& calibration,
                                const Dataset& validation, nb::object validate,
                                const QuantizeOptions& options, const AccuracyControlOptions& asked,
                                const RunOptions& run, nb::object together, int workers) {
  const ValidationFunction function = validation_function(std::move(validate));
  AccuracyControlOptions control = asked;
  if (!together.is_none()) control.workers = validation_workers(std::move(together), workers);
  WithoutGil release;
  return quantize_with_accuracy_control(model, calibration, validation, function, options, control,
                                        run);
}

void bind_control_options(nb::module_& module) {
  nb::class_<AccuracyControlOptions>(module, "AccuracyControlOptions")
      .def(nb::init<>())
      .def_rw("max_drop", &AccuracyControlOptions::max_drop)
      .def_rw("drop_type", &AccuracyControlOptions::drop_type)
      .def_rw("max_num_iterations", &AccuracyControlOptions::max_num_iterations, nb::arg().none())
      .def_rw("max_minutes", &AccuracyControlOptions::max_minutes)
      .def_rw("ranking_subset_size", &AccuracyControlOptions::ranking_subset_size)
      .def_rw("restore_mode", &AccuracyControlOptions::restore_mode)
      .def_rw("tune_hyperparams", &AccuracyControlOptions::tune_hyperparams)
      .def_rw("on_failure", &AccuracyControlOptions::on_failure)
      .def_rw("best_model", &AccuracyControlOptions::best_model);
}

void bind_reports(nb::module_& module) {
  nb::class_<GroupReport>(module, "GroupReport", "Quantizers that can only be taken out together.")
      .def_ro("layers", &GroupReport::layers, "What computes in float without them.")
      .def_ro("quantizers", &GroupReport::quantizers)
      .def_ro("share", &GroupReport::share,
              "Of the noise at the outputs, as estimated; 0 where layers were not ranked.")
      .def("__repr__", [](const GroupReport& group) {
        return nb::str("GroupReport(layers={!r}, quantizers={}, share={:.4f})")
            .format(group.layers, group.quantizers, group.share);
      });
  nb::class_<TrialReport>(module, "TrialReport", "A model that was validated.")
      .def_ro("what", &TrialReport::what)
      .def_ro("metric", &TrialReport::metric)
      .def_ro("drop", &TrialReport::drop)
      .def_ro("quantizers", &TrialReport::quantizers, "That are left in it.")
      .def_ro("seconds", &TrialReport::seconds)
      .def("__repr__", [](const TrialReport& trial) {
        return nb::str("TrialReport(what={!r}, metric={:.6g}, drop={:.6g}, quantizers={})")
            .format(trial.what, trial.metric, trial.drop, trial.quantizers);
      });
}

}  // namespace

void bind_accuracy_control(nb::module_& module) {
  bind_control_options(module);
  bind_reports(module);
  nb::class_<AccuracyResult>(module, "AccuracyResult",
                             "What a quantization with accuracy control did. Pass an empty one as "
                             "`result=` and read it afterwards.")
      .def(nb::init<>())
      .def_prop_ro("native_model", [](const AccuracyResult& result) { return result.model; })
      .def_ro("reached", &AccuracyResult::reached)
      .def_ro("float_metric", &AccuracyResult::float_metric)
      .def_ro("metric", &AccuracyResult::metric, "Of the best model.")
      .def_ro("drop", &AccuracyResult::drop,
              "Of the best model, as `drop_type` has it; negative where it is better than float.")
      .def_ro("quantizers", &AccuracyResult::quantizers, "In the best model.")
      .def_ro("all_quantizers", &AccuracyResult::all_quantizers, "Before any was taken out.")
      .def_ro("reverted", &AccuracyResult::reverted, "Groups that are in float in the best model.")
      .def_ro("suspects", &AccuracyResult::suspects,
              "Groups that are still quantized, most suspicious first.")
      .def_ro("trials", &AccuracyResult::trials,
              "Models in the order in which they were validated.")
      .def_ro("stopped_by", &AccuracyResult::stopped_by)
      .def_ro("notes", &AccuracyResult::notes)
      .def_ro("seconds", &AccuracyResult::seconds)
      .def_prop_ro("failure", &AccuracyResult::failure, "Why the goal was not met, and what to do.")
      .def(
          "assign", [](AccuracyResult& self, const AccuracyResult& other) { self = other; },
          nb::arg("other"))
      .def("to_json", &AccuracyResult::to_json);
  const auto define = [&](auto function) {
    module.def(
        "quantize_with_accuracy_control", function, nb::arg("model"), nb::arg("calibration_data"),
        nb::arg("validation_data"), nb::arg("validate"), nb::arg("options"), nb::arg("control"),
        nb::arg("run"), nb::arg("together") = nb::none(), nb::arg("workers") = 0,
        "together: what `validate` gives for each of a list of models, that many at a time.");
  };
  define(&control_accuracy<Dataset>);
  define(&control_accuracy<Statistics>);
}

}  // namespace eightbit::python
