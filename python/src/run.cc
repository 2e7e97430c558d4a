#include <eightbit/run.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "python_error.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

[[noreturn]] void interrupt() {
  nb::python_error error;
  throw PythonInterrupted(nb::borrow(error.value()));
}

// Also where Ctrl-C is noticed: the interpreter does not run while C++ works. An exception of the
// callback ends the run.
ProgressSink progress_sink(nb::object callback) {
  return [callback = share(std::move(callback))](const Progress& progress) {
    nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) interrupt();
    if (callback->is_none()) return;
    try {
      (*callback)(progress.step, progress.done, progress.total);
    } catch (nb::python_error& error) {
      throw PythonInterrupted(nb::borrow(error.value()));
    }
  };
}

void bind_trial_run(nb::module_& module) {
  nb::class_<TrialOutput>(module, "TrialOutput",
                          "An output of a trial run. Decibels are infinite where nothing differs.")
      .def_ro("name", &TrialOutput::name)
      .def_ro("sqnr_db", &TrialOutput::sqnr_db,
              "Of the quantized model by the runtime's defaults, beside the float model in f32.")
      .def_ro("sqnr_f32_db", &TrialOutput::sqnr_f32_db,
              "The same with what is in floats computed in f32.")
      .def_ro("float_sqnr_db", &TrialOutput::float_sqnr_db,
              "Of the float model by the runtime's defaults: what bf16 alone costs.")
      .def_ro("agreement", &TrialOutput::agreement,
              "Share of items whose largest element is the same; None where there are no scores.");
  nb::class_<TrialRun>(module, "TrialRun",
                       "What users of the result get: the quantized model on a few kept samples, "
                       "by the runtime's defaults.")
      .def_ro("samples", &TrialRun::samples)
      .def_ro("unseen", &TrialRun::unseen,
              "By the corrections; else there were too few samples to set some aside.")
      .def_ro("precision", &TrialRun::precision, "That the runtime computes floats in by default.")
      .def_ro("outputs", &TrialRun::outputs)
      .def_ro("sqnr_db", &TrialRun::sqnr_db, "Of the worst output, as below.")
      .def_ro("sqnr_f32_db", &TrialRun::sqnr_f32_db)
      .def_ro("float_sqnr_db", &TrialRun::float_sqnr_db)
      .def_ro("measured_db", &TrialRun::measured_db,
              "With quantizers computed in floats; None where there was no cause to ask.")
      .def_ro("milliseconds", &TrialRun::milliseconds,
              "Of one sample; 0 where it was not measured.")
      .def_ro("float_milliseconds", &TrialRun::float_milliseconds, "Of the float model by default.")
      .def_ro("float_f32_milliseconds", &TrialRun::float_f32_milliseconds)
      .def_ro("float_share", &TrialRun::float_share,
              "Of the multiplications that min_sqnr_db took out of 8 bits.")
      .def_ro("why_not_faster", &TrialRun::why_not_faster,
              "Where it is not faster than the float model by default: what its time goes into, "
              "and what would help; else empty.")
      .def_prop_ro("speedup", &TrialRun::speedup)
      .def_prop_ro("speedup_over_f32", &TrialRun::speedup_over_f32)
      .def("to_json", &TrialRun::to_json, nb::arg("times") = true)
      .def("summary", &TrialRun::summary, nb::arg("times") = true,
           "In a line. Without times the same on every run of a machine.")
      .def("__str__", [](const TrialRun& trial) { return trial.summary(); });
}

void bind_run_report(nb::module_& module) {
  nb::class_<Expectation>(module, "Expectation",
                          "What a run is expected to take, before it begins. 0: not known.")
      .def_ro("peak_bytes", &Expectation::peak_bytes, "Peak memory above the loaded model.")
      .def_ro("model_bytes", &Expectation::model_bytes, "Of the weights of the result.")
      .def_ro("seconds", &Expectation::seconds,
              "Of the whole call, but for a search for layers; once 17 samples are measured.");
  nb::class_<StepTime>(module, "StepTime", "A step of a run and how long it took.")
      .def_ro("step", &StepTime::step)
      .def_ro("seconds", &StepTime::seconds)
      .def("__repr__", [](const StepTime& time) {
        return nb::str("StepTime(step={!r}, seconds={:.3f})").format(time.step, time.seconds);
      });
  nb::class_<Report>(
      module, "Report",
      "What a run did and where time went. Pass an empty one as `report=` and read it afterwards.")
      .def(nb::init<>())
      .def_ro("steps", &Report::steps, "Wall-clock time of each step, in order.")
      .def_ro("seconds", &Report::seconds, "Wall-clock time of the whole call.")
      .def_ro("samples", &Report::samples, "Samples that were calibrated on.")
      .def_ro("activation_quantizers", &Report::activation_quantizers)
      .def_ro("weight_quantizers", &Report::weight_quantizers)
      .def_ro("corrected_biases", &Report::corrected_biases)
      .def_ro("notes", &Report::notes, "Decisions and warnings that a user should read.")
      .def_ro("trial", &Report::trial,
              "What users of the result get; None where it was off or could not be run.")
      .def_ro("expected", &Report::expected, "What it was expected to take before it began.")
      .def_ro("plan_text", &Report::plan_text, "The plan with its ranges, one line an instruction.")
      .def_ro("plan_json", &Report::plan_json)
      .def_ro("recipe", &Report::recipe,
              "Makes the same model again, without data: `report.recipe.save(path)`, then "
              "`quantize(model, recipe=path)`.")
      .def("to_json", &Report::to_json)
      .def(
          "_began_with",
          [](Report& self, std::string step, double seconds) {
            self.steps.insert(self.steps.begin(), StepTime{std::move(step), seconds});
            self.seconds += seconds;
          },
          nb::arg("step"), nb::arg("seconds"), "Adds a step that was done before the run.");
}

// spread(context: bytes, tasks: list[str]) -> list[str], called from the thread of the run.
Spread spread_by(nb::object function) {
  if (function.is_none()) return {};
  return [function = share(std::move(function))](const std::string& context,
                                                 const std::vector<std::string>& tasks) {
    const nb::gil_scoped_acquire acquired;
    try {
      return nb::cast<std::vector<std::string>>(
          (*function)(nb::bytes(context.data(), context.size()), tasks));
    } catch (nb::python_error& error) {
      throw PythonInterrupted(nb::borrow(error.value()));
    }
  };
}

}  // namespace

void bind_run(nb::module_& module) {
  bind_trial_run(module);
  bind_run_report(module);
  nb::class_<RunOptions>(module, "RunOptions", "How a run is carried out.")
      .def(
          "__init__",
          [](RunOptions* self, int threads, const std::filesystem::path& checkpoint,
             nb::object progress, Report* report, const std::filesystem::path& best_model,
             int64_t max_memory, nb::object spread) {
            new (self) RunOptions{
                threads,    progress_sink(std::move(progress)), checkpoint, best_model, report,
                max_memory, spread_by(std::move(spread))};
          },
          nb::arg("threads") = 0, nb::arg("checkpoint") = std::filesystem::path(),
          nb::arg("progress").none() = nb::none(), nb::arg("report").none() = nb::none(),
          nb::arg("best_model") = std::filesystem::path(), nb::arg("max_memory") = 0,
          nb::arg("spread").none() = nb::none(), nb::keep_alive<1, 5>());
  module.def("parse_bytes", &parse_bytes, nb::arg("text"));
  module.def("remove_checkpoint", &remove_checkpoint, nb::arg("checkpoint"));
}

}  // namespace eightbit::python
