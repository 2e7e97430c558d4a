// How a run is carried out, as opposed to what it should produce, and what it reports back.
#pragma once

#include <eightbit/log.h>
#include <eightbit/recipe.h>
#include <eightbit/trial_run.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

// A step of the pipeline and its wall-clock time. Steps that an algorithm adds have its name.
struct StepTime {
  std::string step;  // "read", "place", "calibrate", "bias correction", "write", ...
  double seconds = 0;
};

// What a run is expected to take, before it begins. 0: not known.
struct Expectation {
  int64_t peak_bytes = 0;   // of memory, above the loaded model
  int64_t model_bytes = 0;  // of the weights of the result
  // Of the whole call, wall-clock: known once 17 samples have been measured. A search for layers
  // that are left in float, where one turns out to be needed, is not in it.
  double seconds = 0;
};

// What was done and where time went. Times are wall-clock. The steps add up to nearly the whole
// call; what is missing is spent between them.
struct Report {
  std::vector<StepTime> steps;
  double seconds = 0;  // the whole call
  // That were calibrated on: items of batches count one by one.
  int64_t samples = 0;
  int64_t activation_quantizers = 0;  // in the result
  int64_t weight_quantizers = 0;
  int64_t corrected_biases = 0;    // layers whose bias was moved or added
  std::vector<std::string> notes;  // decisions and warnings a user should read
  // what users of the result get; nothing where it was off or could not be run
  std::optional<TrialRun> trial;
  Expectation expected;  // before it began, the time: soon after
  // The plan with its ranges, one line an instruction: "quantize x -> conv:0 | 8b sym pt | [-1,
  // 1]".
  std::string plan_text;
  std::string plan_json;      // the same for programs
  QuantizationRecipe recipe;  // makes the same model again, without data

  std::string to_json() const;  // without the recipe
};

// Parts of a run that other processes may work out: texts that only the library reads, `context`
// the same for all of these tasks. Returns what work_out() (quantize.h) gave for each task in any
// process, in order; may throw, which ends the run.
using Spread = std::function<std::vector<std::string>(const std::string& context,
                                                      const std::vector<std::string>& tasks)>;

// How a call is carried out. None of it changes what the result is.
struct RunOptions {
  int threads = 0;        // 0: all cores
  ProgressSink progress;  // may throw Interrupted
  // A file in which statistics so far are kept, with another one beside it (.steps) for what later
  // steps have found. A later call with the same model, data and options goes on from there,
  // however this one ends, and comes to the same result; others are refused. remove_checkpoint()
  // when the result is safe. Empty: none.
  std::filesystem::path checkpoint;
  // Where quantize() keeps the best model so far once there is one: it is written before a runtime
  // tries it and at each improvement, so that a crash of the runtime or a run that is stopped takes
  // nothing away. A file that is there is overwritten, and holds no more than the best so far when
  // the call returns. Empty: a file of its own among the temporary ones, removed unless the run is
  // stopped, for models below 256 MB. Without effect for models that are no files (PyTorch), and
  // with trial_run off.
  std::filesystem::path best_model;
  Report* report = nullptr;  // filled when given
  // What may become resident above what is when the call begins, with the model loaded, in bytes:
  // fewer samples and one program at a time, weights rounded in turns, and from then on glibc keeps
  // no freed block above 256 kB, in the whole process. The result is the same. InvalidArgument
  // before data is read where it is not enough. 0: no limit.
  int64_t max_memory = 0;
  // Where candidates of tune() and the ranking of layers are worked out; the result is the same.
  // Empty: here.
  Spread spread;
};

// Both files, where they are there.
void remove_checkpoint(const std::filesystem::path& checkpoint);

// "2GB", "512 MiB", "1.5e9": bytes; K, M, G and T count in thousands, Ki, Mi, Gi and Ti in 1024.
// Throws InvalidArgument.
int64_t parse_bytes(std::string_view text);

}  // namespace eightbit
