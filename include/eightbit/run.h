// How a run is carried out, as opposed to what it should produce, and what it reports back.
#pragma once

#include <eightbit/log.h>
#include <eightbit/recipe.h>
#include <eightbit/trial_run.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace eightbit {

struct StepTime {
  std::string step;  // "read", "place", "calibrate", "bias correction", "write", ...
  double seconds = 0;
};

// What was done and where time went. Times are wall-clock and add up to the whole call but for a
// rest.
struct Report {
  std::vector<StepTime> steps;
  double seconds = 0;   // the whole call
  int64_t samples = 0;  // samples that were calibrated on
  int64_t activation_quantizers = 0;
  int64_t weight_quantizers = 0;
  int64_t corrected_biases = 0;
  std::vector<std::string> notes;  // decisions and warnings a user should read
  // what users of the result get; nothing where it was off or could not be run
  std::optional<TrialRun> trial;
  std::string plan_text;  // the plan with its ranges, one line an instruction
  std::string plan_json;
  QuantizationRecipe recipe;  // makes the same model again, without data

  std::string to_json() const;  // without the recipe
};

struct RunOptions {
  int threads = 0;        // 0: all cores. Results do not depend on it
  ProgressSink progress;  // may throw Interrupted
  // statistics so far are kept here and a later run resumes from it; empty: none
  std::filesystem::path checkpoint;
  // Where quantize() keeps the best model so far once there is one: it is written before a runtime
  // tries it and at each improvement, so that a crash of the runtime or a run that is stopped takes
  // nothing away. A file that is there is overwritten, and holds no more than the best so far when
  // the call returns. Empty: a file of its own among the temporary ones, removed unless the run is
  // stopped, for models below 256 MB. Without effect for models that are no files (PyTorch), and
  // with trial_run off.
  std::filesystem::path best_model;
  Report* report = nullptr;  // filled when given
};

}  // namespace eightbit
